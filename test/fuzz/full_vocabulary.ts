/** Vocabularies that can write every byte, and so every text. */
import { byteLevelBytes } from "../../sdk/text/byte_level.ts";
import type { TokenizerData } from "../../sdk/text/vocabulary.ts";

/** The alphabet of byte-level BPE: what is a byte, not literal text. */
const ALPHABET = Array.from({ length: 0x144 }, (_, code) => String.fromCharCode(code))
  .filter((character) => byteLevelBytes(character).length === 1 && /[^\0-\x20\x7f-\xa0\xad]/.test(character));

const MERGES = ["t h", "th e", "Ġ the", "i n", "Ġ a", "Ġ Ġ", "ĠĠ ĠĠ", "1 2", "12 3", "Ã ©", "Ċ Ċ", '" :', '{ "', "a b"];
const MARKS = ["<|im_start|>", "<|im_end|>", "<image>", "<end_of_utterance>"];
const WORDS = ["<>", "snow man", "☃"];

/** @param pre llama.cpp's name of the rule that cuts text into words. */
export function fullData(pre: string): TokenizerData {
  const pieces = [...ALPHABET, ...MERGES.map((merge) => merge.replace(" ", ""))];
  const tokens = [...pieces, ...WORDS, ...MARKS];
  return {
    model: "gpt2",
    pre,
    tokens,
    tokenTypes: tokens.map((token) => MARKS.includes(token) ? 3 : WORDS.includes(token) ? 4 : 1),
    merges: MERGES,
    eosId: tokens.indexOf("<|im_end|>"),
    addBos: false,
  };
}
