import { LorisError } from "../errors.ts";

/** What is looked at of a message. */
interface Sized {
  readonly content: string | readonly { readonly type: string; readonly text?: string }[];
}

/**
 * Refuses a conversation that cannot fit the context whatever its tokens are: before a template and a tokenizer, whose work
 * goes by its length, hold up everything else for minutes.
 *
 * @param contextTokens Each message and each of its parts takes one at least.
 * @param longestTokenBytes Of the vocabulary. A character is one byte or more.
 * @throws {LorisError} `context_overflow`.
 */
export function checkPromptBounds(messages: readonly Sized[], contextTokens: number, longestTokenBytes: number): void {
  let [parts, characters] = [0, 0];
  for (const { content } of messages) {
    parts += typeof content === "string" ? 1 : content.length;
    if (typeof content === "string") characters += content.length;
    else for (const { text = "" } of content) characters += text.length;
  }
  const most = contextTokens * longestTokenBytes;
  if (parts <= contextTokens && characters <= most) return;
  throw new LorisError(
    "context_overflow",
    `the conversation has ${characters} characters in ${parts} parts; a context of ${contextTokens} tokens has room for ` +
      `${most} characters in ${contextTokens} parts at the very most; shorten the conversation`,
    { param: "messages" },
  );
}
