/** Values of an input's bytes, for targets whose input is more than one text. */

const MARK = 0xff;

export class Taker {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** 0 where nothing is left. */
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return this.byte() % count;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Up to the next byte that no UTF-8 has, or so many. */
  text(maxBytes = Infinity): string {
    const end = this.#bytes.indexOf(MARK, this.#at);
    const to = Math.min(end < 0 ? this.#bytes.length : end, this.#at + maxBytes);
    const part = this.#bytes.subarray(Math.min(this.#at, to), to);
    this.#at = to + (to === end ? 1 : 0);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(part);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }
}

/** An input that {@link Taker} reads as these bytes and texts. */
export function taken(...parts: readonly (number | string)[]): Uint8Array {
  const encoder = new TextEncoder();
  const bytes = parts.flatMap((part) => typeof part === "number" ? [part] : [...encoder.encode(part), MARK]);
  return Uint8Array.from(bytes);
}
