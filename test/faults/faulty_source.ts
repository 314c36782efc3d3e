/** A source of which one read goes wrong. */
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { joined } from "../../sdk/sources/collect.ts";
import type { Source } from "../../sdk/sources/source.ts";

/** How a source is read. */
export const WAYS = ["read", "readInto", "stream"] as const;
export type Way = typeof WAYS[number];

/**
 * What a read does instead: it rejects; it throws before there is a promise; it never ends; it gives a byte too few or too
 * many, or says so of the file's size; it gives another file's bytes, and all after it do.
 */
export const FAULTS = ["rejects", "throws", "stalls", "is short", "is long", "is of another file"] as const;
export type Fault = typeof FAULTS[number];

/** Faults that a way can have: what fills the caller's memory fills all of it. */
export function faultsOf(way: Way): readonly Fault[] {
  return FAULTS.filter((fault) => way !== "readInto" || (fault !== "is short" && fault !== "is long"));
}

/** Bytes of a piece of a stream. */
const PIECE_BYTES = 20_000;

/** Counts the reads of several sources together: sizes, ranges, pieces of a stream. One of them can go wrong. */
export class Reads {
  readonly error = new Error("the disk is gone");
  /** Called when a read stands still. */
  onStall: () => void = () => {};
  /** Streams that have not ended. */
  streamsOpen = 0;
  #count = 0;
  #fault: Fault | undefined;
  #at = 0;

  get count(): number {
    return this.#count;
  }

  /** The k-th read from now on goes wrong; with nothing to arm, none does. */
  arm(fault?: Fault, k = 0): void {
    this.#fault = fault;
    this.#at = this.#count + k;
  }

  /** Does what a read does that goes wrong without giving anything, or tells what it is to give. */
  async next(): Promise<Fault | undefined> {
    const index = this.#count++;
    const fault = index === this.#at || (this.#fault === "is of another file" && index > this.#at)
      ? this.#fault
      : undefined;
    if (fault === "rejects" || fault === "throws") throw this.error;
    if (fault !== "stalls") return fault;
    this.onStall();
    return await new Promise(() => {});
  }

  /** What `read` promises; where the next read is to throw, it throws. */
  guard<T>(read: () => Promise<T>): Promise<T> {
    if (this.#fault !== "throws" || this.#count !== this.#at) return read();
    this.#count++;
    throw this.error;
  }
}

/**
 * @param other The file that it becomes: as many bytes.
 * @param way By what its weights are read.
 */
export function faultySource(bytes: Uint8Array, other: Uint8Array, name: string, way: Way, reads: Reads): Source {
  const [good, bad] = [bytesSource(bytes, name), bytesSource(other, name)];

  async function ranged(offset: number, length: number): Promise<Uint8Array> {
    const fault = await reads.next();
    const piece = await (fault === "is of another file" ? bad : good).read(offset, length);
    if (fault === "is short") return piece.subarray(0, -1);
    return fault === "is long" ? joined([Uint8Array.of(0), piece], length + 1) : piece;
  }

  async function* stream(offset: number, length: number): AsyncGenerator<Uint8Array> {
    reads.streamsOpen++;
    try {
      for (let at = 0; at < length; at += PIECE_BYTES) {
        const wanted = Math.min(PIECE_BYTES, length - at);
        const piece = await ranged(offset + at, wanted);
        yield piece;
        if (piece.length < wanted) return;
      }
    } finally {
      reads.streamsOpen--;
    }
  }

  const source: Source = {
    name,
    size: () =>
      reads.guard(async () => {
        const fault = await reads.next();
        return bytes.length + (fault === "is short" ? -1 : fault === "is long" ? 1 : 0);
      }),
    read: (offset, length) => reads.guard(() => ranged(offset, length)),
  };
  if (way === "read") return source;
  if (way === "stream") return { ...source, stream };
  return {
    ...source,
    readInto: (offset, into) => reads.guard(async () => into.set(await ranged(offset, into.length))),
  };
}
