import { LorisError } from "../errors.ts";
import { untilAborted } from "../platform/until_aborted.ts";
import { checkLength, fail } from "../sources/check.ts";
import type { Source } from "../sources/source.ts";

/** A range that is asked for, and held: most headers of small models fit in a few of these, vocabulary included. */
const WINDOW_BYTES = 1 << 19;
/**
 * What is read becomes strings and numbers, so that a file which is large itself (or only says so, as a server can) must not
 * make them many: a vocabulary of 262144 tokens with all its merges and scores has about 20 MiB.
 */
const MAX_HEADER_BYTES = 64 << 20;

/**
 * Reads little-endian values from the front of a source through a window that moves along. Every length is checked against
 * what is left of the file before it is used, so nothing is ever allocated for a length that a file only claims.
 */
export class HeaderReader {
  readonly fileBytes: number;
  readonly #source: Source;
  readonly #signal: AbortSignal | undefined;
  #memory = new Uint8Array(0);
  #view = new DataView(new ArrayBuffer(0));
  /** Offset of the window's first byte, its bytes, and how many of them are behind. */
  #start = 0;
  #filled = 0;
  #at = 0;

  private constructor(source: Source, fileBytes: number, signal?: AbortSignal) {
    this.#source = source;
    this.fileBytes = fileBytes;
    this.#signal = signal;
  }

  static async open(source: Source, signal?: AbortSignal): Promise<HeaderReader> {
    const bytes = await untilAborted(source.size(signal), signal);
    if (!Number.isSafeInteger(bytes) || bytes < 0) fail(source.name, `the source says that it has ${bytes} bytes`);
    return new HeaderReader(source, bytes, signal);
  }

  get offset(): number {
    return this.#start + this.#at;
  }

  /** @throws {LorisError} `file_invalid`, with the place and what was being read. */
  fail(message: string): never {
    throw new LorisError("file_invalid", `${this.#source.name}: ${message} (at byte ${this.offset})`);
  }

  /** Refuses a count of things that need at least `bytesEach` if the rest of the file cannot hold them. */
  checkCount(count: number, bytesEach: number, what: string): void {
    const left = this.fileBytes - this.offset;
    if (count * bytesEach > left) {
      this.fail(`${what} needs ${count * bytesEach} bytes or more, ${left} are left in the file`);
    }
  }

  /** Makes sure that `length` bytes from here are in memory; call before the getters below. */
  async need(length: number, what: string): Promise<void> {
    this.checkCount(1, length, what);
    if (this.#has(length)) return;
    const end = this.offset + length;
    if (end > MAX_HEADER_BYTES) this.fail(`with ${what} the header is over ${MAX_HEADER_BYTES} bytes, it is damaged`);
    await this.#move(Math.min(this.fileBytes - this.offset, Math.max(WINDOW_BYTES, length)));
  }

  /** Brings the window here. @param bytes More than are in it already. */
  async #move(bytes: number): Promise<void> {
    const rest = this.#memory.subarray(this.#at, this.#filled);
    if (bytes > this.#memory.length) {
      this.#memory = new Uint8Array(bytes);
      this.#view = new DataView(this.#memory.buffer);
    }
    this.#memory.set(rest);
    [this.#start, this.#filled, this.#at] = [this.offset, rest.length, 0];
    const missing = this.#memory.subarray(rest.length, bytes);
    const from = this.#start + rest.length;
    if (this.#source.readInto) {
      await untilAborted(this.#source.readInto(from, missing, this.#signal), this.#signal);
    } else {
      const more = await untilAborted(this.#source.read(from, missing.length, this.#signal), this.#signal);
      checkLength(this.#source.name, from, missing.length, more.length);
      missing.set(more);
    }
    this.#filled = bytes;
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

  /** Bytes from here, as a view that holds until more are needed. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#memory.subarray(at, at + length);
  }

  /** A string with its length in front. */
  async string(what: string): Promise<string> {
    if (!this.#has(8)) await this.need(8, what);
    const length = this.size(`the length of ${what}`);
    if (!this.#has(length)) await this.need(length, what);
    return this.#text(length);
  }

  /** `count` strings. A vocabulary has tens of thousands, most of them in memory already: those wait for nothing. */
  async strings(count: number, what: string): Promise<string[]> {
    const strings: string[] = [];
    for (let i = 0; i < count; i++) {
      if (!this.#has(8)) await this.need(8, what);
      const length = this.size(`the length of ${what}`);
      if (!this.#has(length)) await this.need(length, what);
      strings.push(this.#text(length));
    }
    return strings;
  }

  #has(length: number): boolean {
    return this.#at + length <= this.#filled;
  }

  #text(length: number): string {
    const bytes = this.take(length);
    // most tokens are short and ASCII, for which a decoder's call costs more than its work
    if (length > 16) return UTF8.decode(bytes);
    let text = "";
    for (const byte of bytes) {
      if (byte > 127) return UTF8.decode(bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #advance(length: number): number {
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/** A byte order mark is a character like any other: vocabularies have tokens that begin with it. */
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
