import { untilAborted } from "../platform/until_aborted.ts";
import { checkLength, fail } from "./check.ts";
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
    const chunks = source.stream
      ? source.stream(start, end - start, signal)
      : blocks(source, start, end, readAheadBytes, signal);
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * Fills `into` with the bytes from `offset`, which is not before the end of the last piece. Allocates nothing.
   *
   * @throws {LorisError} `source_failed` if the source ends early or gives more than was asked for; the signal's reason, also
   * where the source stands still and does not look at it.
   */
  async read(offset: number, into: Uint8Array): Promise<void> {
    const { length } = into;
    if (offset < this.#at || offset + length > this.#end) throw new RangeError(`not sequential: ${offset}, ${length}`);
    await this.#take(offset - this.#at, () => {});
    await this.#take(length, (part, filled) => into.set(part, filled));
    if (this.#at === this.#end) await this.#expectEnd();
  }

  /** Ends the stream underneath, if there is one. One that stands still is not waited for once the signal is aborted. */
  async close(): Promise<void> {
    await untilAborted(Promise.resolve(this.#chunks.return?.()), this.#signal).catch((error) => {
      if (!this.#signal?.aborted) throw error;
    });
  }

  /** Gives the next bytes part by part, as they lie in the source's blocks. */
  async #take(bytes: number, use: (part: Uint8Array, filled: number) => void): Promise<void> {
    for (let filled = 0; filled < bytes;) {
      if (this.#rest.length === 0) this.#rest = await this.#next();
      const part = this.#rest.subarray(0, bytes - filled);
      use(part, filled);
      filled += part.length;
      this.#at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
  }

  async #next(): Promise<Uint8Array> {
    return await this.#piece() ??
      fail(this.#source.name, `the stream ended at byte ${this.#at}, wanted were the bytes up to ${this.#end}`);
  }

  /** A stream that goes on has given something else than the bytes that were asked for. */
  async #expectEnd(): Promise<void> {
    while (this.#rest.length === 0) {
      const piece = await this.#piece();
      if (!piece) return;
      this.#rest = piece;
    }
    fail(this.#source.name, `the stream goes on after byte ${this.#end}, the last one that was wanted`);
  }

  /** Undefined at the stream's end. */
  async #piece(): Promise<Uint8Array | undefined> {
    this.#signal?.throwIfAborted();
    const { done, value } = await untilAborted(this.#chunks.next(), this.#signal);
    return done ? undefined : value;
  }
}

/** Blocks of a file, the same memory for all of them where the source can fill it. */
async function* blocks(
  source: Source,
  start: number,
  end: number,
  bytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const block = source.readInto ? new Uint8Array(Math.min(bytes, end - start)) : undefined;
  for (let at = start; at < end; at += bytes) {
    const length = Math.min(bytes, end - at);
    if (!block) {
      const read = await source.read(at, length, signal);
      checkLength(source.name, at, length, read.length);
      yield read;
      continue;
    }
    const part = block.subarray(0, length);
    await source.readInto!(at, part, signal);
    yield part;
  }
}
