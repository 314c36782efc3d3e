import type { Delta } from "../../sdk/generate/token_log.ts";
import type { Captioner } from "../../sdk/captioner.ts";
import type { ChatOptions, ChatResult, Message } from "../../sdk/chat.ts";
import { seedOf } from "./chat_request.ts";

/** What happens in the making of several answers: a piece of one's text with its tokens, or its end. */
export type ChoiceEvent =
  | { readonly index: number; readonly delta: Delta }
  | { readonly index: number; readonly result: ChatResult };

/**
 * Several answers to one prompt, one after another: the next finds the prompt in the cache that the one before has left, so
 * that it is computed once. A seed counts up from answer to answer.
 *
 * Templates end where the model's first token begins with a space; that is not part of the answer's text, though of the
 * token's.
 */
export async function* answerChoices(
  captioner: Captioner,
  messages: readonly Message[],
  options: ChatOptions,
  choices: number,
): AsyncGenerator<ChoiceEvent, void> {
  for (let index = 0; index < choices; index++) {
    const { seed } = options;
    const answer = captioner.chat(messages, {
      ...options,
      ...(seed === undefined ? {} : { seed: seedOf(seed, index) }),
    });
    let begun = false;
    for await (const { text, tokens } of answer.deltas()) {
      const delta: Delta = { text: begun ? text : text.trimStart(), tokens };
      begun ||= delta.text !== "";
      if (delta.text !== "" || tokens.length > 0) yield { index, delta };
    }
    const result = await answer.result;
    yield { index, result: { ...result, text: result.text.trimStart() } };
  }
}
