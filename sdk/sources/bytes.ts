/**
 * A file that is in memory.
 *
 * @module
 */
import { checkRange } from "./check.ts";
import type { Source } from "./source.ts";

/** A file that is in memory already: a view of it, never a copy. */
export function bytesSource(bytes: Uint8Array, name = "bytes"): Source {
  return {
    name,
    size: () => Promise.resolve(bytes.length),
    // deno-lint-ignore require-await -- what is thrown must reject
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(name, offset, length, bytes.length);
      return bytes.subarray(offset, offset + length);
    },
  };
}
