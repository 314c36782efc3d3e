/** New inputs out of old ones, as libFuzzer makes them. */
import type { Random } from "../../../sdk/generate/random.ts";

/** Values at which sizes and counts go wrong. */
const EDGES = [0n, 1n, 2n, 7n, 8n, 127n, 128n, 255n, 256n, 32767n, 32768n, 65535n, 65536n, 2n ** 31n - 1n, 2n ** 31n]
  .concat([2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]);
const MAX_STEPS = 5;

export class Mutator {
  readonly #random: Random;
  readonly #words: readonly Uint8Array[];
  readonly #maxBytes: number;

  constructor(random: Random, words: readonly Uint8Array[], maxBytes: number) {
    this.#random = random;
    this.#words = words;
    this.#maxBytes = maxBytes;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.#random.uniform() * count);
  }

  /** @param other Another input, of which parts are taken. */
  mutated(input: Uint8Array, other: Uint8Array): Uint8Array {
    let bytes: Uint8Array = input.slice();
    for (let step = this.below(MAX_STEPS); step >= 0; step--) bytes = this.#step(bytes, other);
    return bytes.length > this.#maxBytes ? bytes.slice(0, this.#maxBytes) : bytes;
  }

  #step(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const kind = bytes.length === 0 ? 4 + this.below(3) : this.below(11);
    const at = this.below(bytes.length);
    switch (kind) {
      case 0:
        bytes[at]! ^= 1 << this.below(8);
        return bytes;
      case 1:
        bytes[at] = this.below(256);
        return bytes;
      case 2:
        bytes[at]! += this.below(2) ? 1 + this.below(8) : -1 - this.below(8);
        return bytes;
      case 3:
        return this.#number(bytes, at);
      case 4:
        return this.#insert(bytes, this.#randomBytes());
      case 5:
        return this.#words.length === 0 ? bytes : this.#insert(bytes, this.#words[this.below(this.#words.length)]!);
      case 6:
        return this.#insert(bytes, this.#part(other));
      case 7:
        return spliced(bytes, at, at + this.#length(bytes.length - at), new Uint8Array(0));
      case 8:
        return this.#repeated(bytes);
      case 9:
        // the front of one, the end of the other
        return spliced(bytes, at, bytes.length, other.subarray(this.below(other.length + 1)));
      default: {
        const word = this.#words.length > 0 && this.below(2) ? this.#words[this.below(this.#words.length)]! : undefined;
        const part = word ?? this.#part(bytes);
        return spliced(bytes, at, Math.min(bytes.length, at + part.length), part);
      }
    }
  }

  /** Mostly short. */
  #length(most: number): number {
    return Math.min(most, 1 + this.below(1 << (1 + this.below(7))));
  }

  #part(bytes: Uint8Array): Uint8Array {
    const at = this.below(bytes.length);
    return bytes.slice(at, at + this.#length(bytes.length - at));
  }

  #randomBytes(): Uint8Array {
    const [length, filler] = [this.#length(64), this.below(3) ? undefined : this.below(256)];
    return Uint8Array.from({ length }, () => filler ?? this.below(256));
  }

  #insert(bytes: Uint8Array, part: Uint8Array): Uint8Array {
    const at = this.below(bytes.length + 1);
    return spliced(bytes, at, at, part);
  }

  /** Many times the same, for what grows with its input. */
  #repeated(bytes: Uint8Array): Uint8Array {
    const part = this.#part(bytes);
    const times = Math.min(1 << this.below(8), Math.floor(this.#maxBytes / part.length));
    const run = new Uint8Array(part.length * times);
    for (let i = 0; i < times; i++) run.set(part, i * part.length);
    return this.#insert(bytes, run);
  }

  /** A number of 1 to 8 bytes in place, of either order, or in digits. */
  #number(bytes: Uint8Array, at: number): Uint8Array {
    const value = EDGES[this.below(EDGES.length)]!;
    if (this.below(4) === 0) return this.#insert(bytes, new TextEncoder().encode(String(value)));
    const [width, big] = [1 << this.below(4), this.below(2)];
    for (let i = 0; i < width && at + i < bytes.length; i++) {
      bytes[at + i] = Number(BigInt.asUintN(8, value >> BigInt(8 * (big ? width - 1 - i : i))));
    }
    return bytes;
  }
}

function spliced(bytes: Uint8Array, from: number, to: number, part: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length - (to - from) + part.length);
  result.set(bytes.subarray(0, from));
  result.set(part, from);
  result.set(bytes.subarray(to), from + part.length);
  return result;
}
