/**
 * A file cut into parts, each a static asset: for hosts that limit the size of one.
 *
 * @module
 */
import { sha256Hex } from "../platform/digest.ts";
import { checkLength, fail } from "./check.ts";
import { checkPartBytes, partedSource } from "./parted.ts";
import type { Source } from "./source.ts";

/** A file cut into parts, as `tools/cut_model.ts` writes it beside them. */
export interface PartsManifest {
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** Bytes of each part but the last. */
  readonly partBytes: number;
  /** In order; as many as `bytes` needs. */
  readonly parts: readonly {
    /** Its file, relative to the manifest. */
    readonly file: string;
    /** Of the part, in hexadecimal digits. */
    readonly sha256: string;
  }[];
}

/** What Cloudflare takes as one asset. */
export const MAX_ASSET_BYTES = 25 * 2 ** 20;

/** Whatever answers GET requests: Cloudflare's assets binding has this form. */
export interface FetcherLike {
  /** Answers a GET request for an absolute URL. */
  fetch(url: string): Promise<Response>;
}

/**
 * A file that lies in parts beside its manifest, each a static asset. Each part is fetched whole and must have the digest
 * that the manifest names; one is held in memory at a time.
 *
 * @param manifestUrl Absolute; with an assets binding its host is of no meaning.
 */
export function assetsSource(assets: FetcherLike, manifestUrl: string): Source {
  const name = new URL(manifestUrl).pathname;
  let manifest: PartsManifest | undefined;

  async function get(url: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    const response = await assets.fetch(url).catch((cause) => fail(name, `${url} could not be fetched`, cause));
    if (response.status !== 200) {
      await response.body?.cancel();
      fail(name, `${new URL(url).pathname} was answered with ${response.status}; upload what tools/cut_model.ts wrote`);
    }
    const bytes = new Uint8Array(
      await response.arrayBuffer().catch((cause) => fail(name, `${new URL(url).pathname} broke off`, cause)),
    );
    signal?.throwIfAborted();
    return bytes;
  }

  async function known(signal?: AbortSignal): Promise<PartsManifest> {
    return manifest ??= checkManifest(name, new TextDecoder().decode(await get(manifestUrl, signal)));
  }

  async function open(signal?: AbortSignal): Promise<Source> {
    const { bytes: size, partBytes, parts } = await known(signal);
    return partedSource({
      ...{ name, partBytes, size: () => Promise.resolve(size) },
      async part(index, signal) {
        const { file, sha256 } = parts[index]!;
        const bytes = await get(new URL(file, manifestUrl).href, signal);
        checkLength(`${name}, ${file}`, 0, Math.min(partBytes, size - index * partBytes), bytes.length);
        const digest = await sha256Hex(bytes);
        if (digest !== sha256) fail(name, `${file} has the digest ${digest}, the manifest says ${sha256}`);
        return bytes;
      },
    });
  }

  let opened: Source | undefined;
  const source = async (signal?: AbortSignal) => opened ??= await open(signal);
  return {
    name,
    size: async (signal) => (await known(signal)).bytes,
    read: async (offset, length, signal) => await (await source(signal)).read(offset, length, signal),
    async *stream(offset, length, signal) {
      yield* (await source(signal)).stream!(offset, length, signal);
    },
  };
}

/** @throws {LorisError} `source_failed` if it is none. */
function checkManifest(name: string, text: string): PartsManifest {
  let value: Partial<PartsManifest> | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    fail(name, "the manifest is not JSON", cause);
  }
  const { bytes, partBytes, parts } = value ?? {};
  if (!Number.isSafeInteger(bytes) || bytes! < 1) fail(name, "the manifest's `bytes` is not a number of bytes");
  if (!Number.isSafeInteger(partBytes)) fail(name, "the manifest's `partBytes` is not a number of bytes");
  checkPartBytes(partBytes!, MAX_ASSET_BYTES);
  const wanted = Math.ceil(bytes! / partBytes!);
  if (!Array.isArray(parts) || parts.length !== wanted) fail(name, `the manifest must list ${wanted} parts`);
  for (const part of parts) {
    if (typeof part?.file === "string" && /^[0-9a-f]{64}$/.test(part.sha256)) continue;
    fail(name, "a part in the manifest has no `file`, or no `sha256` of 64 hexadecimal digits");
  }
  return { bytes: bytes!, partBytes: partBytes!, parts };
}
