/**
 * A file in a Cloudflare R2 bucket.
 *
 * @module
 */
import { bodyPieces } from "./body.ts";
import { checkLength, checkRange, fail } from "./check.ts";
import { collectInto } from "./collect.ts";
import type { VersionedSource } from "./source.ts";

export type { VersionedSource };

/** The little of Cloudflare's `R2Bucket` that is called. */
export interface R2BucketLike {
  /** An object without its bytes; null if there is none. */
  head(key: string): Promise<R2ObjectLike | null>;
  /** A range of an object; without a body if its etag is another, null if there is none. */
  get(
    key: string,
    options: { range: { offset: number; length: number }; onlyIf: { etagMatches: string } },
  ): Promise<R2ObjectLike | R2BodyLike | null>;
}

/** The little of Cloudflare's `R2Object` that is read. */
export interface R2ObjectLike {
  /** Of the whole object, in bytes. */
  readonly size: number;
  /** Another for every version of the object. */
  readonly etag: string;
}

/** The little of Cloudflare's `R2ObjectBody` that is read. */
export interface R2BodyLike extends R2ObjectLike {
  /** The range's bytes as they come; this or `arrayBuffer()` is read, once. */
  readonly body: ReadableStream<Uint8Array>;
  /** The range's bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/**
 * An object of a Cloudflare R2 bucket, read by ranges. All reads are of the version that the first one met; an object that
 * is exchanged meanwhile is refused.
 */
export function r2Source(bucket: R2BucketLike, key: string): VersionedSource {
  const name = `r2:${key}`;
  let object: R2ObjectLike | undefined;

  async function known(signal?: AbortSignal): Promise<R2ObjectLike> {
    signal?.throwIfAborted();
    if (object) return object;
    const found = await bucket.head(key).catch((cause) => fail(name, "the bucket could not be asked", cause));
    signal?.throwIfAborted();
    if (!found) fail(name, "the bucket has no such object; put the file under this key, or name another");
    return object = { size: found.size, etag: found.etag };
  }

  async function get(offset: number, length: number, signal?: AbortSignal): Promise<R2BodyLike> {
    const { etag, size } = await known(signal);
    checkRange(name, offset, length, size);
    const found = await bucket.get(key, { range: { offset, length }, onlyIf: { etagMatches: etag } })
      .catch((cause) => fail(name, `bytes ${offset} to ${offset + length} could not be read`, cause));
    if (!found) fail(name, "the object was deleted while it was read");
    if (!("body" in found)) fail(name, `the object changed while it was read, its etag was ${etag}`);
    return found;
  }

  async function* stream(offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    if (length === 0) return checkRange(name, offset, length, (await known(signal)).size);
    const { body } = await get(offset, length, signal);
    let got = 0;
    try {
      for await (const piece of bodyPieces(body, length)) {
        signal?.throwIfAborted();
        got += piece.length;
        if (got > length) break;
        yield piece;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      fail(name, `the connection broke after ${got} of ${length} bytes from byte ${offset}`, cause);
    }
    checkLength(name, offset, length, got);
  }

  return {
    name,
    size: async (signal) => (await known(signal)).size,
    version: async (signal) => (await known(signal)).etag,
    async read(offset, length, signal) {
      if (length === 0) {
        checkRange(name, offset, length, (await known(signal)).size);
        return new Uint8Array(0);
      }
      const found = await get(offset, length, signal);
      const bytes = new Uint8Array(
        await found.arrayBuffer().catch((cause) =>
          fail(name, `the connection broke in bytes ${offset} to ${offset + length}`, cause)
        ),
      );
      signal?.throwIfAborted();
      checkLength(name, offset, length, bytes.length);
      return bytes;
    },
    readInto: (offset, into, signal) => collectInto(stream(offset, into.length, signal), into),
    stream,
  };
}
