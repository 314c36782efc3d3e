import { LorisError } from "../errors.ts";
import type { Source } from "../sources/source.ts";

/** First range asked for: most headers of small models fit, vocabulary included, in two of these. */
const FIRST_BYTES = 1 << 20;

/**
 * Reads little-endian values from the front of a source, fetching growing ranges as it goes. Every length is checked
 * against what is left of the file before it is used, so nothing is ever allocated for a length that a file only claims.
 */
export class HeaderReader {
  readonly fileBytes: number;
  readonly #source: Source;
  readonly #signal: AbortSignal | undefined;
  #bytes: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  #offset = 0;

  private constructor(source: Source, fileBytes: number, signal?: AbortSignal) {
    this.#source = source;
    this.fileBytes = fileBytes;
    this.#signal = signal;
  }

  static async open(source: Source, signal?: AbortSignal): Promise<HeaderReader> {
    return new HeaderReader(source, await source.size(signal), signal);
  }

  get offset(): number {
    return this.#offset;
  }

  /** @throws {LorisError} `file_invalid`, with the place and what was being read. */
  fail(message: string): never {
    throw new LorisError("file_invalid", `${this.#source.name}: ${message} (at byte ${this.#offset})`);
  }

  /** Refuses a count of things that need at least `bytesEach` if the rest of the file cannot hold them. */
  checkCount(count: number, bytesEach: number, what: string): void {
    const left = this.fileBytes - this.#offset;
    if (count * bytesEach > left) {
      this.fail(`${what} needs ${count * bytesEach} bytes or more, ${left} are left in the file`);
    }
  }

  /** Makes sure that `length` bytes from here are in memory; call before the getters below. */
  async need(length: number, what: string): Promise<void> {
    this.checkCount(1, length, what);
    const end = this.#offset + length;
    if (end <= this.#bytes.length) return;
    const target = Math.min(this.fileBytes, Math.max(FIRST_BYTES, end, this.#bytes.length * 2));
    const more = await this.#source.read(this.#bytes.length, target - this.#bytes.length, this.#signal);
    const joined = new Uint8Array(target);
    joined.set(this.#bytes);
    joined.set(more, this.#bytes.length);
    this.#bytes = joined;
    this.#view = new DataView(joined.buffer);
  }

  u8 = (): number => this.#view.getUint8(this.#advance(1));
  i8 = (): number => this.#view.getInt8(this.#advance(1));
  u16 = (): number => this.#view.getUint16(this.#advance(2), true);
  i16 = (): number => this.#view.getInt16(this.#advance(2), true);
  u32 = (): number => this.#view.getUint32(this.#advance(4), true);
  i32 = (): number => this.#view.getInt32(this.#advance(4), true);
  f32 = (): number => this.#view.getFloat32(this.#advance(4), true);
  f64 = (): number => this.#view.getFloat64(this.#advance(8), true);
  u64 = (): bigint => this.#view.getBigUint64(this.#advance(8), true);
  i64 = (): bigint => this.#view.getBigInt64(this.#advance(8), true);

  /** A u64 that counts bytes or things: one beyond 2^53 cannot be meant. */
  size(what: string): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(`${what} is ${value}`);
    return Number(value);
  }

  /** Bytes from here, as a view. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A string with its length in front. */
  async string(what: string): Promise<string> {
    await this.need(8, what);
    const length = this.size(`the length of ${what}`);
    await this.need(length, what);
    return UTF8.decode(this.take(length));
  }

  #advance(length: number): number {
    const at = this.#offset;
    this.#offset += length;
    return at;
  }
}

const UTF8 = new TextDecoder();
