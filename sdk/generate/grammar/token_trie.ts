import { LorisError } from "../../errors.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";

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

interface Token {
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The bytes as characters of Latin-1, which sort as bytes do. */
  readonly key: string;
}

/** Whole characters, none of which has to be escaped in a string. */
// deno-lint-ignore no-control-regex -- they are what it is about
const PLAIN = /^[^"\\\x00-\x1f]+$/u;
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
  /** Bytes that are a token. */
  readonly bytes: ReadonlySet<number>;
  readonly #tokenizer: Tokenizer;

  /** @throws {LorisError} `file_unsupported` for a vocabulary without some printable ASCII character. */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.vocabularySize = tokenizer.vocabularySize;
    this.endIds = tokenizer.endIds;
    const [plain, other]: [Token[], Token[]] = [[], []];
    const characters: number[] = [];
    const single = new Set<number>();
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    for (let id = 0; id < tokenizer.vocabularySize; id++) {
      const bytes = tokenizer.tokenBytes(id);
      if (bytes.length === 0 || this.endIds.has(id)) continue;
      if (bytes.length === 1) single.add(bytes[0]!);
      const token = { id, bytes, key: String.fromCharCode(...bytes) };
      const text = decoded(decoder, bytes);
      if (text === undefined || !PLAIN.test(text)) {
        other.push(token);
        continue;
      }
      plain.push(token);
      characters.push(Math.min([...text].length, LONGEST));
    }
    for (let byte = 0x20; byte < 0x7f; byte++) {
      if (single.has(byte)) continue;
      const message =
        `the vocabulary has no token for ${JSON.stringify(String.fromCharCode(byte))} alone; an answer in JSON ` +
        "needs one for each printable ASCII character";
      throw new LorisError("file_unsupported", message, { param: "responseFormat" });
    }
    this.bytes = single;
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

function decoded(decoder: TextDecoder, bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
