import { Tokenizer as HubTokenizer } from "@huggingface/tokenizers";
import { LorisError } from "../errors.ts";
import { byteLevelBytes } from "./byte_level.ts";
import { PRE_TOKENIZERS } from "./pre_tokenizers.ts";
import { TokenSplitter } from "./splitter.ts";
import { checkVocabulary, END_TOKENS, type TokenizerData } from "./vocabulary.ts";

/** A run of a prompt: a template's own text, where marks count, or a user's text, where they are mere characters. */
export interface PromptText {
  readonly type: "markup" | "text";
  readonly text: string;
}

/**
 * Byte-level BPE of a GGUF file, on `@huggingface/tokenizers`.
 *
 * Steering tokens ("marks": `<|im_end|>`, `<image>`, ...) come only out of a template's text. In a user's text the same
 * characters are cut into ordinary pieces: BPE knows no mark, and no merge makes one.
 *
 * A byte for which the vocabulary has no token is left out, as the reference tokenizers do; small vocabularies lack some
 * control characters and bytes that begin rare scripts.
 */
export class Tokenizer {
  /** Tokens in the vocabulary; ids run from 0 to one less. */
  readonly vocabularySize: number;
  /** Bytes of the longest token that text is cut into. */
  readonly longestTokenBytes: number;
  /** Tokens at which an answer ends. */
  readonly endIds: ReadonlySet<number>;
  readonly bosId: number | undefined;
  /** True if every prompt starts with `bosId`. */
  readonly addBos: boolean;
  readonly #tokens: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #markIds: ReadonlySet<number>;
  /** User defined tokens that are text. */
  readonly #wordIds: ReadonlySet<number>;
  readonly #marks: TokenSplitter;
  readonly #words: TokenSplitter;
  readonly #bpe: HubTokenizer;

  /** @throws {LorisError} `file_unsupported` for another algorithm or pre-tokenizer, `file_invalid` for a damaged one. */
  constructor(data: TokenizerData) {
    if (data.model !== "gpt2") {
      throw unsupported("tokenizer.ggml.model", data.model, ["gpt2"]);
    }
    const pre = PRE_TOKENIZERS.get(data.pre);
    if (!pre) throw unsupported("tokenizer.ggml.pre", data.pre, [...PRE_TOKENIZERS.keys()]);
    const { ids, marks, words, pieces, merges } = checkVocabulary(data);
    this.#ids = ids;
    this.#markIds = new Set(marks.values());
    this.#wordIds = new Set(words.values());
    this.#tokens = data.tokens;
    this.vocabularySize = data.tokens.length;
    this.bosId = data.bosId;
    this.addBos = data.addBos;
    const ends = [data.eosId, data.eotId, ...END_TOKENS.map((token) => this.idOf(token))];
    this.endIds = new Set(ends.filter((id) => id !== undefined));
    this.#marks = new TokenSplitter(marks);
    this.#words = new TokenSplitter(words);
    // a byte-level piece has a character for each byte
    let longest = 0;
    for (const piece of pieces.keys()) longest = Math.max(longest, piece.length);
    for (const word of words.keys()) longest = Math.max(longest, new TextEncoder().encode(word).length);
    this.longestTokenBytes = longest;
    const json = {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          ...pre.patterns.map((Regex) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false })),
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: null,
      decoder: null,
      model: {
        type: "BPE",
        vocab: Object.fromEntries(pieces),
        merges,
        ignore_merges: pre.wholeWordsFirst,
      },
    };
    this.#bpe = new HubTokenizer(json, {});
    // it keeps what it was made of for ever, and has made tables of its own of these: megabytes of nothing
    json.model.vocab = {};
    merges.length = 0;
  }

  /** @returns ids of a user's text: never one of a mark. Lone surrogates become U+FFFD. */
  encodeText(text: string): number[] {
    return this.encode([{ type: "text", text }]);
  }

  /** @returns ids of a template's own text, in which marks are recognised. */
  encodeMarkup(text: string): number[] {
    return this.encode([{ type: "markup", text }]);
  }

  /**
   * Encodes runs as one text, so that a word may begin in the template and end in the user's text (`User: ` + `Hello`), as
   * in training; only the marks are looked for in the template's runs alone.
   * @returns token ids.
   */
  encode(runs: Iterable<PromptText>): number[] {
    const ids: number[] = [];
    let plain = "";
    const flush = () => {
      for (const part of this.#words.split(plain)) {
        if (typeof part === "number") ids.push(part);
        else for (const id of this.#bpe.encode(part, { add_special_tokens: false }).ids) ids.push(id);
      }
      plain = "";
    };
    for (const { type, text } of runs) {
      const wellFormed = text.toWellFormed();
      for (const part of type === "text" ? [wellFormed] : this.#marks.split(wellFormed)) {
        if (typeof part === "string") {
          plain += part;
          continue;
        }
        flush();
        ids.push(part);
      }
    }
    flush();
    return ids;
  }

  /**
   * @returns the bytes that a token prints: none for a mark. They need not be whole characters.
   * @throws {LorisError} `argument_invalid` for an id outside of the vocabulary.
   */
  tokenBytes(id: number): Uint8Array {
    const token = this.#tokens[id];
    if (token === undefined) {
      throw new LorisError("argument_invalid", `token id ${id} is not from 0 to ${this.vocabularySize - 1}`, {
        param: "id",
      });
    }
    if (this.isControl(id)) return new Uint8Array(0);
    return this.#wordIds.has(id) ? new TextEncoder().encode(token) : byteLevelBytes(token);
  }

  /** @returns the id of a token given as it stands in the file. */
  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** True for a mark: a token that steers the model and is never printed. */
  isControl(id: number): boolean {
    return this.#markIds.has(id);
  }
}

function unsupported(key: string, got: string, readable: readonly string[]): LorisError {
  const what = got === "" ? "is missing" : `is "${got}"`;
  return new LorisError("file_unsupported", `${key} ${what}; readable are ${readable.join(", ")}`, { param: key });
}
