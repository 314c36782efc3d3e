import type { TokenizerData } from "../../sdk/text/vocabulary.ts";

/** Marks that a picture needs. */
const MARKS = ["<|im_start|>", "<fake_token_around_image>", "<global-img>", "<image>", "<end_of_utterance>"];

/** A vocabulary small enough to follow by eye: three letters, a space, a line end, two merges, a word and the marks. */
export function tinyData(): TokenizerData {
  const pieces = ["a", "b", "c", "Ġ", "Ċ", ":", "ab", "Ġa"];
  const tokens = [...pieces, "<>", ...MARKS, "<row_1_col_1>", "<row_1_col_2>"];
  return {
    model: "gpt2",
    pre: "smollm",
    tokens,
    tokenTypes: tokens.map((_, i) => i < pieces.length ? 1 : i === pieces.length ? 4 : 3),
    merges: ["a b", "Ġ a"],
    eosId: tokens.indexOf("<end_of_utterance>"),
    addBos: false,
  };
}
