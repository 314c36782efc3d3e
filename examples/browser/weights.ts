/** The model's files, kept in the browser part by part. What is kept is used only with the digest that the build wrote down. */
import type { Source } from "../../sdk/mod.ts";
import type { CacheLike } from "../../sdk/sources/cached.ts";
import { checkLength, fail } from "../../sdk/sources/check.ts";
import { collected } from "../../sdk/sources/collect.ts";
import { partedSource } from "../../sdk/sources/parted.ts";
import { sha256Hex } from "../../sdk/platform/digest.ts";

/** A model file as it lies beside the page. */
export interface WeightsFile {
  /** Relative to the page. */
  readonly file: string;
  readonly bytes: number;
  /** Bytes of each part but the last. */
  readonly partBytes: number;
  /** SHA-256 of each part, in hexadecimal digits. */
  readonly sha256: readonly string[];
}

/** What is told while a file is read. Each part counts once, however often it is read. */
export interface WeightsEvents {
  /** Bytes that came over the network, as they come. */
  fetched(bytes: number): void;
  /** Bytes of a part that the browser had kept. */
  kept(bytes: number): void;
  /** A kept part was cut or changed, and is fetched again. */
  damaged(): void;
  /** The browser could not keep a part, and why. */
  notKept(reason: string): void;
}

/** Where a part is kept: by its digest, so that another build finds the parts that have not changed. The host cannot exist. */
export function keyOf(sha256: string): string {
  return `https://weights.invalid/${sha256}`;
}

/**
 * A model file through the browser's cache. While a part is used, the next one is on its way.
 *
 * @param network Where parts come from that are not kept.
 * @param cache Undefined where the browser gives none: everything is fetched then.
 * @throws {LorisError} when read: `source_failed` if a part cannot be fetched, or is not what the build wrote down.
 */
export function weightsSource(
  { file, bytes: size, partBytes, sha256 }: WeightsFile,
  network: Source,
  cache: CacheLike | undefined,
  events: WeightsEvents,
): Source {
  const counted = new Set<number>();
  let ahead: { readonly index: number; readonly bytes: Promise<Uint8Array> } | undefined;
  const lengthOf = (index: number) => Math.min(partBytes, size - index * partBytes);

  async function kept(index: number): Promise<Uint8Array | undefined> {
    const found = await cache?.match(keyOf(sha256[index]!)).catch(() => undefined);
    if (!found) return undefined;
    // a body that breaks off rejects
    const bytes = await found.arrayBuffer().then((buffer) => new Uint8Array(buffer), () => new Uint8Array());
    if (await sha256Hex(bytes) === sha256[index]) return bytes;
    events.damaged();
    return undefined;
  }

  async function* counting(index: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const piece of network.stream!(index * partBytes, lengthOf(index), signal)) {
      if (!counted.has(index)) events.fetched(piece.length);
      yield piece;
    }
  }

  async function fetched(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const onServer = await network.size(signal);
    if (onServer !== size) {
      fail(file, `the server has ${onServer} bytes, this page was built with ${size}; close it and open it again`);
    }
    const bytes = await collected(counting(index, signal), lengthOf(index));
    checkLength(file, index * partBytes, lengthOf(index), bytes.length);
    const digest = await sha256Hex(bytes);
    if (digest !== sha256[index]) {
      fail(
        file,
        `part ${index} came with the digest ${digest}, this page was built with ${
          sha256[index]
        }; close it and open it again`,
      );
    }
    const response = new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-length": `${bytes.length}` },
    });
    await cache?.put(keyOf(digest), response).catch((error) => events.notKept(String(error)));
    return bytes;
  }

  async function obtain(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const found = await kept(index);
    if (found && !counted.has(index)) events.kept(found.length);
    const bytes = found ?? await fetched(index, signal);
    counted.add(index);
    return bytes;
  }

  async function part(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const coming = ahead?.index === index ? ahead.bytes : obtain(index, signal);
    // one that failed is asked for anew at the next try
    ahead = undefined;
    const bytes = await coming;
    if (index + 1 < sha256.length) {
      ahead = { index: index + 1, bytes: obtain(index + 1, signal) };
      ahead.bytes.catch(() => {});
    }
    return bytes;
  }

  return partedSource({ name: file, partBytes, size: () => Promise.resolve(size), part });
}

/** True if every part has an entry; whether it is whole is seen when it is read. */
export async function areKept(files: readonly WeightsFile[], cache: Cache): Promise<boolean> {
  const keys = new Set((await cache.keys()).map(({ url }) => url));
  return files.every(({ sha256 }) => sha256.every((digest) => keys.has(keyOf(digest))));
}

/** Gives back the room of parts that no file has any more. */
export async function forgetOthers(files: readonly WeightsFile[], cache: Cache): Promise<void> {
  const used = new Set(files.flatMap(({ sha256 }) => sha256.map(keyOf)));
  for (const request of await cache.keys()) if (!used.has(request.url)) await cache.delete(request);
}
