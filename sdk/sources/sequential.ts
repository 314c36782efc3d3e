import { LorisError } from "../errors.ts";
import type { Source } from "./source.ts";

/**
 * Reads a source front to back in pieces of any size, skipping what lies between them: one long stream where the source
 * has that, else blocks read ahead.
 */
export class SequentialReader {
  readonly #source: Source;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #chunks: AsyncIterator<Uint8Array>;
  /** What has arrived and is not read yet, and its offset in the file. */
  #rest: Uint8Array = new Uint8Array(0);
  #at: number;

  /** @param readAheadBytes Size of a block where the source has no stream. */
  constructor(source: Source, start: number, end: number, readAheadBytes: number, signal?: AbortSignal) {
    this.#source = source;
    this.#end = end;
    this.#at = start;
    this.#signal = signal;
    const chunks = source.stream ? source.stream(start, end - start, signal) : blocks(source, start, end, readAheadBytes, signal);
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * The next `length` bytes from `offset`, which is not before the end of the last piece. Valid until the next call.
   *
   * @throws {LorisError} `source_failed` if the source ends early.
   */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < this.#at || offset + length > this.#end) throw new RangeError(`not sequential: ${offset}, ${length}`);
    await this.#skip(offset - this.#at);
    if (this.#rest.length < length) {
      const whole = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        if (this.#rest.length === 0) this.#rest = await this.#next();
        const part = this.#rest.subarray(0, length - filled);
        whole.set(part, filled);
        filled += part.length;
        this.#rest = this.#rest.subarray(part.length);
      }
      this.#at += length;
      return whole;
    }
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    this.#at += length;
    return piece;
  }

  /** Ends the stream underneath, if there is one. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #skip(bytes: number): Promise<void> {
    this.#at += bytes;
    while (bytes > 0) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const part = Math.min(bytes, this.#rest.length);
      this.#rest = this.#rest.subarray(part);
      bytes -= part;
    }
  }

  async #next(): Promise<Uint8Array> {
    this.#signal?.throwIfAborted();
    const { done, value } = await this.#chunks.next();
    if (done) {
      throw new LorisError(
        "source_failed",
        `${this.#source.name}: the stream ended at byte ${this.#at}, wanted were the bytes up to ${this.#end}`,
      );
    }
    return value;
  }
}

async function* blocks(
  source: Source,
  start: number,
  end: number,
  bytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (let at = start; at < end; at += bytes) yield await source.read(at, Math.min(bytes, end - at), signal);
}
