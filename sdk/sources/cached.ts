/**
 * A source behind a cache that is nearer than it is, such as the Cache API of Cloudflare and browsers.
 *
 * @module
 */
import { sha256Hex } from "../platform/digest.ts";
import { checkPartBytes, partedSource } from "./parted.ts";
import type { Source, VersionedSource } from "./source.ts";

export type { VersionedSource };

/** The little of the Cache API's `Cache` that is called. */
export interface CacheLike {
  /** What is kept for a URL; undefined if there is nothing. */
  match(request: string): Promise<Response | undefined>;
  /** Keeps a response as long as its `cache-control` says, or shorter. */
  put(request: string, response: Response): Promise<void>;
}

/** Options of {@link cachedSource}. */
export interface CachedSourceOptions {
  /** Bytes of a part, which is held in memory while it is read; 2 MiB, at most 256 MiB. */
  readonly partBytes?: number;
  /** How long a cache may keep a part; 30 days. */
  readonly maxAgeSeconds?: number;
  /** Told of each part: whether the cache had it. */
  readonly onPart?: (hit: boolean) => void;
}

const MIB = 2 ** 20;
/** A host that cannot exist: keys of the cache are URLs, and nobody must be able to ask for these. */
const HOST = "https://loris-parts.invalid";
/** Says what the part's bytes are: SHA-256 in hexadecimal digits. */
const DIGEST = "x-sha256";

/**
 * A file through a cache that is nearer than it is. Parts are kept under the file's version, so that a file that was exchanged
 * is never mixed with the one before. A cache that fails is passed by, and so is a part that is not, by length and digest, the
 * one that was put there.
 *
 * @throws {LorisError} `argument_invalid`.
 */
export function cachedSource(source: VersionedSource, cache: CacheLike, options: CachedSourceOptions = {}): Source {
  const { partBytes = 2 * MIB, maxAgeSeconds = 30 * 86400, onPart } = options;
  checkPartBytes(partBytes, 256 * MIB);

  async function part(index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const offset = index * partBytes;
    const length = Math.min(partBytes, await source.size(signal) - offset);
    const path = [source.name, await source.version(signal), partBytes, index].map((s) => encodeURIComponent(s));
    const url = `${HOST}/${path.join("/")}`;
    const found = await match(cache, url, length);
    signal?.throwIfAborted();
    onPart?.(found !== undefined);
    if (found) return found;
    const bytes = await source.read(offset, length, signal);
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": String(length),
      [DIGEST]: await sha256Hex(bytes),
      "cache-control": `public, max-age=${maxAgeSeconds}, immutable`,
    };
    // its failure costs time at the next load, nothing else
    await cache.put(url, new Response(bytes as Uint8Array<ArrayBuffer>, { headers })).catch(() => {});
    signal?.throwIfAborted();
    return bytes;
  }

  return partedSource({ name: source.name, partBytes, size: (signal) => source.size(signal), part });
}

/** A part that was kept; undefined if it was not, or not whole. */
async function match(cache: CacheLike, url: string, length: number): Promise<Uint8Array | undefined> {
  try {
    const response = await cache.match(url);
    if (!response) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    return bytes.length === length && await sha256Hex(bytes) === response.headers.get(DIGEST) ? bytes : undefined;
  } catch {
    return undefined;
  }
}
