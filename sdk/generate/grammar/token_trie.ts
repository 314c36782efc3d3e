import { LorisError } from "../../errors.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { type CodePoints, countCharacters, intersect, writable } from "./utf8.ts";

/** Tokens as a trie of their bytes, in preorder: a node's subtree lies behind it. */
class Trie {
  /** Byte, depth (0 for a first byte) and the node behind the subtree, of each node. */
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  readonly ends: Int32Array;
  /** The tokens that end at node n: ids[tokens[n]] up to ids[tokens[n + 1]]. */
  readonly tokens: Int32Array;
  readonly ids: Int32Array;

  /** @param sorted By their bytes. */
  constructor(sorted: readonly Token[]) {
    const [bytes, depths, ends, tokens]: [number[], number[], number[], number[]] = [[], [], [], []];
    /** The nodes on the way to the token before. */
    const way: number[] = [];
    let before: Uint8Array = new Uint8Array(0);
    const close = (depth: number) => {
      while (way.length > depth) ends[way.pop()!] = bytes.length;
    };
    for (const [index, token] of sorted.entries()) {
      let shared = 0;
      while (shared < before.length && before[shared] === token.bytes[shared]) shared++;
      close(shared);
      for (let depth = shared; depth < token.bytes.length; depth++) {
        way.push(bytes.length);
        bytes.push(token.bytes[depth]!);
        depths.push(depth);
        ends.push(0);
        tokens.push(index);
      }
      before = token.bytes;
    }
    close(0);
    tokens.push(sorted.length);
    this.bytes = Uint8Array.from(bytes);
    this.depths = Uint16Array.from(depths);
    this.ends = Int32Array.from(ends);
    this.tokens = Int32Array.from(tokens);
    this.ids = Int32Array.from(sorted, ({ id }) => id);
  }
}

/** What is asked of a tokenizer. */
type Tokens = Pick<Tokenizer, "vocabularySize" | "endIds" | "tokenBytes">;

interface Token {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The bytes as characters of Latin-1, which sort as bytes do. */
  readonly key: string;
}

/** What may stand in a JSON string as it is (RFC 8259, section 7). */
const UNESCAPED: readonly CodePoints[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0x10ffff]];
const LONGEST = 0xff;

/**
 * A vocabulary by its tokens' bytes. Most tokens are plain text: characters that may stand in any string. They are known by
 * their lengths, so that inside of a string only the others have to be tried.
 */
export class TokenTrie {
  readonly vocabularySize: number;
  readonly endIds: ReadonlySet<number>;
  readonly plain: Trie;
  readonly other: Trie;
  /** Ids of plain tokens and the characters of each; longer ones count as 255. */
  readonly plainIds: Int32Array;
  readonly plainCharacters: Uint8Array;
  /** Characters that the vocabulary can write and that may stand in a string as they are, ascending. */
  readonly characters: readonly CodePoints[];
  readonly #tokenizer: Tokens;

  /** @throws {LorisError} `file_unsupported` for a vocabulary without some printable ASCII character. */
  constructor(tokenizer: Tokens) {
    this.#tokenizer = tokenizer;
    this.vocabularySize = tokenizer.vocabularySize;
    this.endIds = tokenizer.endIds;
    const tokens: Token[] = [];
    for (let id = 0; id < tokenizer.vocabularySize; id++) {
      const bytes = tokenizer.tokenBytes(id);
      if (bytes.length === 0 || this.endIds.has(id)) continue;
      tokens.push({ id, bytes, key: String.fromCharCode(...bytes) });
    }
    const single = new Set(tokens.filter(({ bytes }) => bytes.length === 1).map(({ bytes }) => bytes[0]!));
    for (let byte = 0x20; byte < 0x7f; byte++) {
      if (single.has(byte)) continue;
      const message =
        `the vocabulary has no token for ${JSON.stringify(String.fromCharCode(byte))} alone; an answer in JSON ` +
        "needs one for each printable ASCII character";
      throw new LorisError("file_unsupported", message, { param: "responseFormat" });
    }
    this.characters = intersect(writable(single), UNESCAPED);
    const [plain, other]: [Token[], Token[]] = [[], []];
    const characters: number[] = [];
    for (const token of tokens) {
      const length = countCharacters(token.bytes, this.characters);
      if (length === undefined) {
        other.push(token);
      } else {
        plain.push(token);
        characters.push(Math.min(length, LONGEST));
      }
    }
    this.plainIds = Int32Array.from(plain, ({ id }) => id);
    this.plainCharacters = Uint8Array.from(characters);
    this.plain = new Trie(sorted(plain));
    this.other = new Trie(sorted(other));
  }

  tokenBytes(id: number): Uint8Array {
    return this.#tokenizer.tokenBytes(id);
  }
}

export type { Trie };

function sorted(tokens: readonly Token[]): Token[] {
  return tokens.toSorted((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
