/** Texts into tokens and back, whole and as a stream. */
import assert from "node:assert/strict";
import { Detokenizer } from "../../../sdk/text/detokenizer.ts";
import { PRE_TOKENIZERS } from "../../../sdk/text/pre_tokenizers.ts";
import { type PromptText, Tokenizer } from "../../../sdk/text/tokenizer.ts";
import { fullData } from "../full_vocabulary.ts";
import type { Target } from "../target.ts";
import { taken, Taker } from "../taker.ts";

const TOKENIZERS = [...PRE_TOKENIZERS.keys()].map((pre) => new Tokenizer(fullData(pre)));

function streamed(tokenizer: Tokenizer, ids: readonly number[], stops: readonly string[]): string {
  const detokenizer = new Detokenizer(tokenizer, stops);
  return ids.map((id) => detokenizer.push(id)).join("") + detokenizer.finish();
}

/** What is left of a text before the stop that is complete first, of two the longer. */
function cut(text: string, stops: readonly string[]): string {
  for (let end = 1; end <= text.length; end++) {
    const ends = (stop: string) => stop.length <= end && text.startsWith(stop, end - stop.length);
    const found = stops.filter(ends).map(({ length }) => length);
    if (found.length > 0) return text.slice(0, end - Math.max(...found));
  }
  return text;
}

export const target: Target = {
  seeds: [
    taken(0, 2, "The cat’s 123 whiskers", "\n\n  in the snow man ☃", 1, "snow"),
    taken(1, 1, "  the   é\t12\r\nx", 0),
    taken(2, 1, "I'LL see<image>日本語", 2, "se", "e"),
    taken(0, 3, "<|im_start|>User: <|im_", "end|>", "<image>", 0),
  ],
  words: ["<|im_end|>", "<image>", "<>", "snow man", "é", "\u{1f600}", "\u0301", "\u200d", "'s", "   ", "\r\n"],
  maxBytes: 512,
  run(input) {
    const taker = new Taker(input);
    const tokenizer = taker.of(TOKENIZERS);
    const texts = Array.from({ length: taker.below(4) }, () => taker.text());
    const stops = Array.from({ length: taker.below(3) }, () => taker.text(8)).filter((stop) => stop !== "");
    const whole = texts.join("");
    const ids = tokenizer.encodeText(whole);
    assert.ok(!ids.some((id) => tokenizer.isControl(id)), "a user's text became a mark");
    assert.equal(streamed(tokenizer, ids, []), whole.toWellFormed());
    assert.equal(streamed(tokenizer, ids, stops), cut(whole, stops));
    // runs are one text; marks are taken out of the template's alone, and print nothing
    const runs = texts.map((text, i): PromptText => ({ type: i % 2 ? "markup" : "text", text }));
    const plain = texts.map((text, i) =>
      i % 2 ? text.replaceAll(/<\|im_(start|end)\|>|<image>|<end_of_utterance>/g, "") : text
    );
    assert.equal(streamed(tokenizer, tokenizer.encode(runs), []), plain.join(""));
  },
};
