/** How text is cut into words before byte-pair encoding. */
interface PreTokenizer {
  /** Regular expressions applied one after the other to each part; what matches and what does not both stay, apart. */
  readonly patterns: readonly string[];
  /** A word that is a token as a whole is taken so, even where its merges would not lead there. */
  readonly wholeWordsFirst: boolean;
}

/** GPT-2's: contractions, letters, numbers, other signs, each with at most one space before, then runs of space. */
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
/** Llama 3's: letters take one other sign before them, digits go by threes, line ends stay with what is before. */
const LLAMA3 = String.raw`'[sS\u017F]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]` +
  String.raw`|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The readable values of `tokenizer.ggml.pre`, by llama.cpp's meaning of them (`llm_tokenizer_bpe` in its llama-vocab). */
export const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ["smollm", { patterns: [String.raw`\p{N}`, GPT2], wholeWordsFirst: false }],
  ["gpt-2", { patterns: [GPT2], wholeWordsFirst: false }],
  ["llama-bpe", { patterns: [LLAMA3], wholeWordsFirst: true }],
]);
