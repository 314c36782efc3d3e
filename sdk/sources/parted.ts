import { LorisError } from "../errors.ts";
import { collected } from "./collect.ts";
import { checkLength, checkRange } from "./check.ts";
import type { Source } from "./source.ts";

/** A file that can be had only in parts of one size; the last part has what is left. */
export interface Parts {
  readonly name: string;
  readonly partBytes: number;
  size(signal?: AbortSignal): Promise<number>;
  /** A whole part. */
  part(index: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * Parts as one file. One part is held at a time, so that what is read in order fetches each once, and none when a stream has
 * come to the file's end.
 */
export function partedSource({ name, partBytes, size, part }: Parts): Source {
  let held: { readonly index: number; readonly bytes: Uint8Array } | undefined;

  async function take(index: number, whole: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (held?.index === index) return held.bytes;
    // two parts are never in memory together
    held = undefined;
    const bytes = await part(index, signal);
    signal?.throwIfAborted();
    checkLength(name, index * partBytes, Math.min(partBytes, whole - index * partBytes), bytes.length);
    held = { index, bytes };
    return bytes;
  }

  async function* stream(offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    signal?.throwIfAborted();
    const whole = await size(signal);
    checkRange(name, offset, length, whole);
    const end = offset + length;
    for (let at = offset; at < end;) {
      const index = Math.floor(at / partBytes);
      const start = index * partBytes;
      const stop = Math.min(end, start + partBytes);
      yield (await take(index, whole, signal)).subarray(at - start, stop - start);
      at = stop;
    }
    if (end === whole) held = undefined;
  }

  return {
    name,
    size,
    stream,
    async read(offset, length, signal) {
      checkRange(name, offset, length, await size(signal));
      return await collected(stream(offset, length, signal), length);
    },
  };
}

/** @throws {LorisError} `argument_invalid` if it is not a whole number of bytes from 1 to `most`. */
export function checkPartBytes(partBytes: number, most: number): void {
  if (Number.isSafeInteger(partBytes) && partBytes >= 1 && partBytes <= most) return;
  const message = `partBytes is ${partBytes}, it must be a whole number from 1 to ${most}`;
  throw new LorisError("argument_invalid", message, { param: "partBytes" });
}
