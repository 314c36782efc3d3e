import type * as v from "valibot";
import type { ChatResult, Timings } from "../../sdk/chat.ts";
import type { TokenLogprob, TokenProbability } from "../../sdk/generate/logprobs.ts";
import { VERSION } from "../../sdk/version.ts";
import type { chatCompletion, chatCompletionChunk, usage } from "./chat_schema.ts";
import type { ChoiceEvent } from "./choices.ts";

type Usage = v.InferOutput<typeof usage>;
type ChatCompletion = v.InferOutput<typeof chatCompletion>;
type ChatCompletionChunk = v.InferOutput<typeof chatCompletionChunk>;

/** What all objects of an answer begin with. */
export interface Head {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

/** @param backend What computes; the same seeds give the same answers on all of them but "wasm-plain". */
export function newHead(model: string, backend: string): Head {
  return {
    id: `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: `loris-${VERSION}-${backend}`,
  };
}

/** Tokens of all answers to one prompt, which counts once. */
export function totalUsage(results: readonly ChatResult[]): Usage {
  const { promptTokens, imageTokens, cachedTokens } = results[0]!.usage;
  const completionTokens = results.reduce((sum, { usage }) => sum + usage.completionTokens, 0);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, image_tokens: imageTokens },
  };
}

/** The whole answer in one object. */
export function completion(head: Head, results: readonly ChatResult[]): ChatCompletion {
  return {
    ...head,
    object: "chat.completion",
    choices: results.map(({ text, finishReason, logprobs }, index) => ({
      index,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: logprobs ? tokenLogprobs(logprobs) : null,
      finish_reason: finishReason,
    })),
    usage: totalUsage(results),
  };
}

/**
 * The chunks of a streamed answer, as OpenAI sends them: for each choice its role, the pieces of its text, the reason of its
 * end; then, where asked for, the tokens of all.
 */
export async function* completionChunks(
  head: Head,
  events: AsyncIterable<ChoiceEvent>,
  includeUsage: boolean,
): AsyncGenerator<ChatCompletionChunk, void> {
  type Choice = ChatCompletionChunk["choices"][number];
  const chunk = (choice: Pick<Choice, "index" | "delta"> & Partial<Choice>) => ({
    ...head,
    object: "chat.completion.chunk" as const,
    choices: [{ logprobs: null, finish_reason: null, ...choice }],
    ...(includeUsage ? { usage: null } : {}),
  });
  const results: ChatResult[] = [];
  let begun = -1;
  for await (const event of events) {
    const { index } = event;
    if (index > begun) yield chunk({ index, delta: { role: "assistant", content: "" } });
    begun = index;
    if ("delta" in event) {
      const { text, tokens } = event.delta;
      yield chunk({ index, delta: { content: text }, logprobs: tokens.length > 0 ? tokenLogprobs(tokens) : null });
    } else {
      results.push(event.result);
      yield chunk({ index, delta: {}, finish_reason: event.result.finishReason });
    }
  }
  if (includeUsage) yield { ...head, object: "chat.completion.chunk", choices: [], usage: totalUsage(results) };
}

/** Tokens with their log probabilities, in OpenAI's form. */
function tokenLogprobs(tokens: readonly TokenLogprob[]): NonNullable<ChatCompletion["choices"][number]["logprobs"]> {
  const probability = ({ token, logprob, bytes }: TokenProbability) => ({ token, logprob, bytes: Array.from(bytes) });
  const content = tokens.map((token) => ({ ...probability(token), top_logprobs: token.topLogprobs.map(probability) }));
  return { content, refusal: null };
}

/** Times of all answers together, as the `Server-Timing` header. */
export function serverTiming(results: readonly ChatResult[]): string {
  const sum = (of: (timings: Timings, result: ChatResult) => number) =>
    results.reduce((total, result) => total + of(result.timings, result), 0);
  const stages = {
    decode_image: sum(({ decodeImageMs }) => decodeImageMs),
    vision: sum(({ visionMs }) => visionMs),
    prefill: sum(({ prefillMs }) => prefillMs),
    decode: sum(decodeMs),
  };
  return Object.entries(stages).map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`).join(", ");
}

/** Time of all decode steps of an answer; its first token comes from the prefill. */
export function decodeMs({ perTokenMs }: Timings, { usage }: ChatResult): number {
  return perTokenMs * Math.max(0, usage.completionTokens - 1);
}
