/**
 * A file on disk, in Deno and Node.
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import { checkLength, checkRange } from "./check.ts";
import type { Source } from "./source.ts";

/** The little of Node's `fs/promises` that is used; Deno has the same module. */
interface FileHandle {
  stat(): Promise<{ size: number; isFile(): boolean }>;
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

/**
 * A file on disk, in Deno and Node. Its handle is opened by the first read and given back by `close()`: a file that is put in its
 * place meanwhile is another one, which is not read. One that is written into is: a file system keeps no versions, and nothing but
 * its length is watched. Put a new model beside the old one, or in its place by renaming.
 */
export interface FileSource extends Source {
  /** Gives the file's handle back; the next read opens it again. */
  close(): Promise<void>;
}

/**
 * A file on disk, in Deno and Node. Its handle is opened by the first read and given back by `close()`.
 * What cannot be opened, or is no file, is told by the first read (`source_failed`).
 */
export function fileSource(path: string): FileSource {
  let opened: Promise<{ handle: FileHandle; size: number }> | undefined;
  const open = () =>
    opened ??= openFile(path).catch((error) => {
      // what cannot be opened needs no close, and may be there at the next try
      opened = undefined;
      throw error;
    });
  async function readInto(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { handle, size } = await open();
    checkRange(path, offset, into.length, size);
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await handle.read(into, filled, into.length - filled, offset + filled)
        .catch((cause) => fail(path, "cannot be read", cause));
      if (bytesRead === 0) break;
      filled += bytesRead;
      signal?.throwIfAborted();
    }
    checkLength(path, offset, into.length, filled);
  }

  return {
    name: path,
    async size() {
      return (await open()).size;
    },
    async read(offset, length, signal) {
      checkRange(path, offset, length, (await open()).size);
      const bytes = new Uint8Array(length);
      await readInto(offset, bytes, signal);
      return bytes;
    },
    readInto,
    async close() {
      const was = opened;
      opened = undefined;
      if (was) await (await was).handle.close();
    },
  };
}

async function openFile(path: string): Promise<{ handle: FileHandle; size: number }> {
  const fs = await import("node:fs/promises");
  const handle: FileHandle = await fs.open(path, "r").catch((cause) => fail(path, "cannot be opened", cause));
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    fail(path, "is not a file");
  }
  return { handle, size: stat.size };
}

function fail(path: string, what: string, cause?: unknown): never {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  throw new LorisError("source_failed", `${path} ${what}${why}`, { param: path, cause });
}
