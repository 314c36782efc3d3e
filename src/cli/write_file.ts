import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LorisError } from "../../sdk/errors.ts";

/**
 * Writes a file that is there under its name only when it is whole: what is cut short leaves what was there before.
 *
 * @throws {LorisError} `argument_invalid` if it cannot be written; what `chunks` throws.
 */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const part = `${path}.part`;
  try {
    // flushed, so that no name is given to bytes that a power cut takes back
    await pipeline(Readable.from(chunks), createWriteStream(part, { flush: true }));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    if (!isOfFile(error)) throw error;
    const message = `${path} cannot be written: ${error.message}`;
    throw new LorisError("argument_invalid", message, { param: path, cause: error });
  }
}

/** True for what the system says of a file; sources have errors of their own. */
function isOfFile(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}

/** True if both paths lead to one file, by whatever names. */
export async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([idOf(a), idOf(b)]);
  return one !== undefined && one === other;
}

export async function isThere(path: string): Promise<boolean> {
  return await idOf(path) !== undefined;
}

async function idOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch((error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  return found && `${found.dev}:${found.ino}`;
}
