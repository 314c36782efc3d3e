import { LorisError } from "../errors.ts";

/** The file readers that a runtime may have beside web standards; looked up, never assumed. */
interface Runtime {
  Deno?: { readFile?: (url: URL) => Promise<Uint8Array> };
  process?: { getBuiltinModule?: (name: string) => unknown };
}

interface NodeFiles {
  readFile(url: URL): Promise<Uint8Array>;
}

/**
 * The bytes of a file that ships with this package: a `.wasm` module, the embedded model.
 *
 * `new URL("./x.wasm", import.meta.url)` is the one spelling that Deno, Node, browsers and bundlers all understand, but
 * only browsers and Deno can `fetch` what it gives: Node's `fetch` refuses `file:`. Hence the readers in this order:
 * Deno's, Node's (through `process.getBuiltinModule`, which no bundler follows, so that a browser bundle never asks for
 * `node:fs`), then `fetch`. A URL of another scheme than `file:` always goes to `fetch`.
 *
 * @param url where the asset lies, as a rule relative to `import.meta.url`.
 * @returns all its bytes.
 * @throws {LorisError} `source_failed` if it cannot be read; the message names the URL. `signal.reason` after an abort.
 */
export async function readAsset(url: URL, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  signal?.throwIfAborted();
  try {
    const bytes = await (url.protocol === "file:" ? localReader() ?? fetchBytes : fetchBytes)(url, signal);
    signal?.throwIfAborted();
    return bytes;
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof LorisError) throw cause;
    throw failed(url, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

type Reader = (url: URL, signal?: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;

function localReader(): Reader | undefined {
  const { Deno, process } = globalThis as Runtime;
  if (Deno?.readFile) return async (url) => owned(await Deno.readFile!(url));
  const files = process?.getBuiltinModule?.("node:fs/promises") as NodeFiles | undefined;
  if (files) return async (url) => owned(await files.readFile(url));
  return undefined;
}

const fetchBytes: Reader = async (url, signal) => {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw failed(url, `HTTP status ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
};

/** Node's buffers may sit in a pool, or be of a subclass; a plain array of exactly these bytes is what was promised. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  return whole ? new Uint8Array(bytes.buffer as ArrayBuffer) : new Uint8Array(bytes);
}

function failed(url: URL, why: string, cause?: unknown): LorisError {
  return new LorisError(
    "source_failed",
    `${url.href} cannot be read: ${why}; it is part of this package and must lie beside the module that asks for it`,
    { param: "url", cause },
  );
}
