import { LorisError } from "../errors.ts";

/** What a GGUF file says about its tokenizer. Ids are rows of the embedding. */
export interface TokenizerData {
  /** `tokenizer.ggml.model`: the algorithm; "gpt2" is byte-level BPE. */
  readonly model: string;
  /** `tokenizer.ggml.pre`: llama.cpp's name of the rule that cuts text into words before BPE. */
  readonly pre: string;
  /** Token texts by id, in the byte-level alphabet of GPT-2 for ordinary tokens, literal for marks. */
  readonly tokens: readonly string[];
  /** llama.cpp's token types by id, see {@link TOKEN_TYPES}. */
  readonly tokenTypes: readonly number[];
  /** BPE merges, the most frequent first: two tokens with one space between. */
  readonly merges: readonly string[];
  readonly bosId?: number;
  readonly eosId?: number;
  readonly eotId?: number;
  /** True if every prompt starts with `bosId`. */
  readonly addBos: boolean;
  /** Jinja template of a conversation, where the file has one. */
  readonly chatTemplate?: string;
}

/** llama.cpp's `llama_token_type`, the values of `tokenizer.ggml.token_type`. */
export const TOKEN_TYPES = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** The part of a GGUF file's metadata that is asked for here; `GgufMetadata` has it. */
interface Metadata {
  string(key: string): string;
  optionalString(key: string): string | undefined;
  strings(key: string): readonly string[];
  numbers(key: string): readonly number[];
  optionalUint(key: string): number | undefined;
  optionalBool(key: string): boolean | undefined;
}

/**
 * Reads the tokenizer's keys. Their values are checked where they are used, by `Tokenizer`.
 * @throws {LorisError} `file_invalid` for a missing key or one of the wrong type.
 */
export function tokenizerData(metadata: Metadata): TokenizerData {
  const model = metadata.string("tokenizer.ggml.model");
  // Other algorithms have no merges; refusing by name must come before a complaint about a missing key.
  const bpe = model === "gpt2";
  return {
    model,
    pre: metadata.optionalString("tokenizer.ggml.pre") ?? "",
    tokens: metadata.strings("tokenizer.ggml.tokens"),
    tokenTypes: metadata.numbers("tokenizer.ggml.token_type"),
    merges: bpe ? metadata.strings("tokenizer.ggml.merges") : [],
    bosId: metadata.optionalUint("tokenizer.ggml.bos_token_id"),
    eosId: metadata.optionalUint("tokenizer.ggml.eos_token_id"),
    eotId: metadata.optionalUint("tokenizer.ggml.eot_token_id"),
    addBos: metadata.optionalBool("tokenizer.ggml.add_bos_token") ?? false,
    chatTemplate: metadata.optionalString("tokenizer.chat_template"),
  };
}

/** Tokens that end an answer in the models of this family, whatever the file says of them. */
export const END_TOKENS = ["<end_of_utterance>", "<|im_end|>", "<|endoftext|>"] as const;

/**
 * Tokens that steer the model are marks by name too: some converters file them as user defined, or even as normal, and
 * then a user could write them.
 */
const MARK_NAMES =
  /^(?:<\|im_start\|>|<\|im_end\|>|<\|endoftext\|>|<end_of_utterance>|<fake_token_around_image>|<global-img>|<image>|<row_\d+_col_\d+>)$/;
/** A user defined token that looks like this stands for an act, not for text (`<file_sep>`, `[INST]`). */
const LOOKS_LIKE_A_MARK = /^(?:<.+>|\[.+\])$/s;

/** A checked vocabulary: every id has its text and its kind. */
export interface Vocabulary {
  readonly ids: ReadonlyMap<string, number>;
  /** Steering tokens: recognised only in a template's own text, never printed. */
  readonly marks: ReadonlyMap<string, number>;
  /** User defined tokens that are text: taken whole wherever they occur. */
  readonly words: ReadonlyMap<string, number>;
  /** Tokens that BPE may produce. */
  readonly pieces: ReadonlyMap<string, number>;
  /** Pairs of pieces that are joined, the first in rank first. */
  readonly merges: [string, string][];
}

const MAX_TOKENS = 1 << 22;
/** Real tokens have some hundreds of characters at most; what sorts tokens by their bytes is made for no more. */
const MAX_TOKEN_CHARACTERS = 4096;

/**
 * Sorts a vocabulary's tokens by kind and checks the whole: lengths, duplicates, holes, ids, merges.
 * @throws {LorisError} `file_invalid`.
 */
export function checkVocabulary(data: TokenizerData): Vocabulary {
  const { tokens, tokenTypes } = data;
  if (tokens.length === 0 || tokens.length > MAX_TOKENS) {
    invalid("tokenizer.ggml.tokens", `holds ${tokens.length} tokens, 1 to ${MAX_TOKENS} are possible`);
  }
  if (tokenTypes.length !== tokens.length) {
    invalid("tokenizer.ggml.token_type", `holds ${tokenTypes.length} types for ${tokens.length} tokens`);
  }
  const ids = new Map<string, number>();
  const marks = new Map<string, number>();
  const words = new Map<string, number>();
  const pieces = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    const type = tokenTypes[id]!;
    if (typeof token !== "string" || token === "") invalid("tokenizer.ggml.tokens", `has no text for token ${id}`);
    if (token.length > MAX_TOKEN_CHARACTERS) {
      invalid("tokenizer.ggml.tokens", `gives token ${id} a text of ${token.length} characters`);
    }
    const other = ids.get(token);
    if (other !== undefined) {
      invalid("tokenizer.ggml.tokens", `gives the tokens ${other} and ${id} the same text ${quote(token)}`);
    }
    ids.set(token, id);
    kindOf(token, type, id, { marks, words, pieces })?.set(token, id);
  }
  for (const [key, id] of [["bos", data.bosId], ["eos", data.eosId], ["eot", data.eotId]] as const) {
    if (id !== undefined && !(id < tokens.length)) {
      invalid(`tokenizer.ggml.${key}_token_id`, `is ${id}, the vocabulary ends at ${tokens.length - 1}`);
    }
  }
  if (data.addBos && data.bosId === undefined) {
    invalid("tokenizer.ggml.add_bos_token", "is true, but tokenizer.ggml.bos_token_id is missing");
  }
  const merges = data.merges.map((merge, rank) => checkMerge(merge, rank, pieces));
  return { ids, marks, words, pieces, merges };
}

type Kinds = Record<"marks" | "words" | "pieces", Map<string, number>>;

function kindOf(token: string, type: number, id: number, kinds: Kinds): Map<string, number> | undefined {
  const named = MARK_NAMES.test(token);
  switch (type) {
    case TOKEN_TYPES.normal:
      return named ? kinds.marks : kinds.pieces;
    case TOKEN_TYPES.control:
    case TOKEN_TYPES.unknown:
      return kinds.marks;
    case TOKEN_TYPES.userDefined:
      return named || LOOKS_LIKE_A_MARK.test(token) ? kinds.marks : kinds.words;
    case TOKEN_TYPES.unused:
    case TOKEN_TYPES.byte:
      // Padding rows, and SentencePiece's bytes: byte-level BPE makes neither.
      return named ? kinds.marks : undefined;
    default:
      invalid("tokenizer.ggml.token_type", `gives token ${id} the unknown type ${type}`);
  }
}

/**
 * A merge must join two pieces into a piece. So BPE can give nothing but pieces: no mark however the text is chosen, and
 * nothing that is not in the vocabulary.
 */
function checkMerge(merge: string, rank: number, pieces: ReadonlyMap<string, number>): [string, string] {
  const space = merge.indexOf(" ");
  const left = merge.slice(0, space);
  const right = merge.slice(space + 1);
  if (space <= 0 || right === "" || right.includes(" ")) {
    invalid("tokenizer.ggml.merges", `entry ${rank}, ${quote(merge)}, is not two tokens with one space between`);
  }
  if (!pieces.has(left) || !pieces.has(right) || !pieces.has(left + right)) {
    const part = [left, right, left + right].find((part) => !pieces.has(part))!;
    invalid(
      "tokenizer.ggml.merges",
      `entry ${rank}, ${quote(merge)}, needs ${quote(part)}, which is no ordinary token`,
    );
  }
  return [left, right];
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

function invalid(key: string, message: string): never {
  throw new LorisError("file_invalid", `${key} ${message}; the file's tokenizer is damaged`, { param: key });
}
