/** JSON of an input's bytes: one part of inputs is text, the others build values of the words that a parser knows. */
import { Taker } from "./taker.ts";

const MAX_DEPTH = 6;
const NUMBERS = [0, 1, -1, 2, 0.5, 16, 100, 1e6, -0, 2 ** 53, 1e308];

/** Writes values; every choice is a byte of the input. */
export class JsonTaker {
  readonly #taker: Taker;
  readonly #keys: readonly string[];
  readonly #texts: readonly string[];

  /** @param texts Values that mean something, beside those of any text. */
  constructor(taker: Taker, keys: readonly string[], texts: readonly string[]) {
    this.#taker = taker;
    this.#keys = keys;
    this.#texts = texts;
  }

  value(depth = 0): unknown {
    const kind = this.#taker.below(depth < MAX_DEPTH ? 10 : 6);
    switch (kind) {
      case 0:
        return this.#taker.of([null, true, false]);
      case 1:
        return this.#taker.of(NUMBERS);
      case 2:
        return this.#taker.byte();
      case 3:
      case 4:
        return this.#taker.of(this.#texts);
      case 5:
        return this.#taker.text(24);
      case 6:
      case 7:
        return Array.from({ length: this.#taker.below(4) }, () => this.value(depth + 1));
      default: {
        const entries = Array.from({ length: this.#taker.below(6) }, () => {
          const key = this.#taker.byte() === 0 ? this.#taker.text(12) : this.#taker.of(this.#keys);
          return [key, this.value(depth + 1)];
        });
        return Object.fromEntries(entries);
      }
    }
  }
}

/** The text of a JSON document: the input itself after a first byte of 0 to 127, else a value that its bytes build. */
export function jsonText(input: Uint8Array, keys: readonly string[], texts: readonly string[]): Uint8Array {
  const taker = new Taker(input);
  if (taker.byte() < 128) return taker.rest();
  return new TextEncoder().encode(JSON.stringify(new JsonTaker(taker, keys, texts).value()));
}

/** A seed that is read as this document. */
export function jsonSeed(value: unknown): Uint8Array {
  return new TextEncoder().encode("\0" + JSON.stringify(value));
}
