import { bytesSource } from "../../sdk/sources/bytes.ts";
import type { Source } from "../../sdk/sources/source.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import type { Captioner } from "../../sdk/captioner.ts";

const read = (path: string) => Deno.readFile(new URL(`../../${path}`, import.meta.url));

export const TEXT = await read("models/nano/nano-text-q4_0.gguf");
export const VISION = await read("models/nano/nano-mmproj-q8_0.gguf");
export const DOGS = await read("examples/photos/dogs_at_window.jpg");
export const MOUNTAIN = await read("examples/photos/mountain_path.jpg");
export const MIB = 2 ** 20;

export function sources(text: Uint8Array = TEXT, vision: Uint8Array = VISION): { text: Source; vision: Source } {
  return { text: bytesSource(text, "text.gguf"), vision: bytesSource(vision, "vision.gguf") };
}

/** The embedded model with a small context, so that many can be open at once. */
export async function open(options: Partial<LoadOptions> = {}): Promise<Captioner> {
  return await load({ ...sources(), contextTokens: 256, ...options });
}

/** A source whose reads can be watched and broken. */
export function watched(bytes: Uint8Array, name: string, onRead: (index: number) => void): Source {
  const inner = bytesSource(bytes, name);
  let index = 0;
  return {
    name,
    size: () => inner.size(),
    // deno-lint-ignore require-await -- what onRead throws must reject
    async read(offset, length, signal) {
      onRead(index++);
      return inner.read(offset, length, signal);
    },
  };
}

/** A source that gives its weights as a stream of chunks, which can be watched, broken, and ended by "end". */
export function streamed(bytes: Uint8Array, name: string, onChunk: (index: number) => "end" | void): Source {
  const inner = bytesSource(bytes, name);
  const chunkBytes = 1_000_003;
  return {
    name,
    size: () => inner.size(),
    read: (offset, length, signal) => inner.read(offset, length, signal),
    async *stream(offset, length) {
      for (let at = 0, index = 0; at < length; at += chunkBytes, index++) {
        if (onChunk(index) === "end") return;
        yield bytes.subarray(offset + at, offset + Math.min(length, at + chunkBytes));
      }
    },
  };
}

/** What tests look at in an error. */
export interface Rejection {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
}

/** Code and message of what a promise is rejected with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Rejection> {
  try {
    await promise;
  } catch (error) {
    return error as Rejection;
  }
  throw new Error("it was not rejected");
}
