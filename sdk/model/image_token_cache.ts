/** Image tokens that go on to the decoder, and the places that they have among all of their tile. */
export interface KeptTokens {
  /** f32 [tokens, width]. */
  readonly rows: Float32Array;
  /** All, if left out. */
  readonly positions: readonly number[] | undefined;
}

/** Image tokens of the tiles looked at last, by a key of the picture and what was made of it, within a number of bytes. */
export class ImageTokenCache {
  readonly #maxBytes: number;
  /** The one used longest ago comes first. */
  readonly #entries = new Map<string, KeptTokens>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): KeptTokens | undefined {
    const entry = this.#entries.get(key);
    if (entry) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  /** Keeps a tile's tokens in the place of those used longest ago; tokens that alone are too many are not kept. */
  set(key: string, entry: KeptTokens): void {
    this.#forget(key);
    const bytes = entry.rows.byteLength;
    if (bytes > this.#maxBytes) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
    this.#entries.set(key, entry);
    this.#bytes += bytes;
  }

  #forget(key: string): void {
    this.#bytes -= this.#entries.get(key)?.rows.byteLength ?? 0;
    this.#entries.delete(key);
  }
}
