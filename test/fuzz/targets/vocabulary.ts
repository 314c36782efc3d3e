/** Vocabularies of hostile files: refused, or safe to encode with. */
import assert from "node:assert/strict";
import { TokenTrie } from "../../../sdk/generate/grammar/token_trie.ts";
import { PRE_TOKENIZERS } from "../../../sdk/text/pre_tokenizers.ts";
import { Tokenizer } from "../../../sdk/text/tokenizer.ts";
import type { TokenizerData } from "../../../sdk/text/vocabulary.ts";
import { tinyData } from "../../text/tiny.ts";
import { orRefusalNow, type Target } from "../target.ts";
import { taken, Taker } from "../taker.ts";

const PRES = [...PRE_TOKENIZERS.keys(), "other"];
const MAX_ITEMS = 64;

function texts(taker: Taker): string[] {
  return Array.from({ length: taker.below(MAX_ITEMS) }, () => taker.text(200));
}

function readData(taker: Taker): TokenizerData {
  const id = () => taker.byte() === 0 ? undefined : taker.byte();
  const tokens = texts(taker);
  return {
    model: "gpt2",
    pre: taker.of(PRES),
    tokens,
    tokenTypes: Array.from({ length: taker.byte() === 1 ? taker.byte() : tokens.length }, () => taker.below(8)),
    merges: texts(taker),
    bosId: id(),
    eosId: id(),
    eotId: id(),
    addBos: taker.byte() === 1,
  };
}

const { tokens, tokenTypes, merges } = tinyData();
const seed = (pre: number, text: string) =>
  taken(tokens.length, ...tokens, pre, 0, ...tokenTypes, merges.length, ...merges, 0, 1, 13, 0, 0, text);

export const target: Target = {
  seeds: [seed(0, "abc ab a\n<image>"), seed(1, "ab <>ab"), seed(2, ""), taken(0)],
  words: [...tokens, ...merges],
  maxBytes: 2048,
  run(input) {
    const taker = new Taker(input);
    const tokenizer = orRefusalNow(() => new Tokenizer(readData(taker)));
    if (!tokenizer) return;
    const text = taker.text();
    for (const ids of [tokenizer.encodeText(text), tokenizer.encodeMarkup(text)]) {
      assert.ok(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.vocabularySize));
    }
    assert.ok(!tokenizer.encodeText(text).some((id) => tokenizer.isControl(id)), "a user's text became a mark");
    orRefusalNow(() => new TokenTrie(tokenizer));
  },
};
