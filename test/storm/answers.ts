/** What a request was answered with, in one form for all routes, so that answers can be held against each other. */
import type { Json } from "../service/app.ts";

/** An answer as far as it must be the same every time: without ids, times, and what a cache had. */
export interface Answer {
  readonly choices: readonly { readonly text: string; readonly finish: string | null; readonly logprobs: Json }[];
  readonly tokens: readonly [prompt: number, image: number, completion: number];
}

/** @returns undefined for a body that is none of an answer: of an error, or cut short. */
export function answerOf(type: string, usage: string | null, body: string): Answer | undefined {
  try {
    if (type.startsWith("text/event-stream")) return streamed(body);
    const json = JSON.parse(body);
    if (typeof json.description === "string") {
      return {
        choices: [{ text: json.description, finish: null, logprobs: null }],
        tokens: tokensOf(JSON.parse(usage!)),
      };
    }
    const choices = json.choices.map(({ message, finish_reason, logprobs }: Json) => {
      return { text: message.content, finish: finish_reason, logprobs };
    });
    return { choices, tokens: tokensOf(json.usage) };
  } catch {
    return undefined;
  }
}

/**
 * True if both are the same. Log probabilities come of `Math.exp` and `Math.log`, whose last bits ECMAScript leaves to the engine.
 *
 * @param sameEngine They were made by the same one, so that these are equal too.
 */
export function equal(a: Answer, b: Answer | undefined, sameEngine: boolean): boolean {
  const [first, second] = [withoutLogprobs(a), withoutLogprobs(b)];
  const near = (x: number, y: number) => Math.abs(x - y) <= (sameEngine ? 0 : LAST_BITS * (1 + Math.abs(x)));
  return first.rest === second.rest && first.logprobs.every((value, i) => near(value, second.logprobs[i]!));
}

/** Far more than the error of a sum of some thousand terms, far less than any two tokens differ by. */
const LAST_BITS = 1e-12;

/** The answer as text, and the log probabilities taken out of it. */
function withoutLogprobs(answer: Answer | undefined): { rest: string | undefined; logprobs: readonly number[] } {
  const logprobs: number[] = [];
  const rest = JSON.stringify(answer, (key, value) => key === "logprob" ? logprobs.push(value) : value);
  return { rest, logprobs };
}

function tokensOf({ prompt_tokens, completion_tokens, prompt_tokens_details }: Json): Answer["tokens"] {
  return [prompt_tokens, prompt_tokens_details.image_tokens, completion_tokens];
}

function streamed(body: string): Answer | undefined {
  const events = body.split("\n\n").filter((event) => event !== "").map((event) => event.replace(/^data: /, ""));
  if (events.pop() !== "[DONE]") return undefined;
  const choices: { text: string; finish: string | null; logprobs: Json }[] = [];
  const { usage } = JSON.parse(events.pop()!);
  for (const event of events) {
    const { index, delta, finish_reason, logprobs } = JSON.parse(event).choices[0];
    const choice = choices[index] ??= { text: "", finish: null, logprobs: null };
    choice.text += delta.content ?? "";
    choice.finish ??= finish_reason;
    if (!logprobs) continue;
    choice.logprobs ??= { content: [], refusal: null };
    choice.logprobs.content.push(...logprobs.content);
  }
  return { choices, tokens: tokensOf(usage) };
}
