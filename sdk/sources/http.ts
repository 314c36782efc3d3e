/**
 * A file behind HTTP, read by ranges.
 *
 * @example
 * ```ts
 * import { load } from "loris";
 * import { httpSource } from "loris/sources/http";
 *
 * const folder = "https://models.example/smolvlm";
 * const headers = { authorization: "Bearer KEY" };
 * const captioner = await load({
 *   text: httpSource(`${folder}/text.gguf`, { headers }),
 *   vision: httpSource(`${folder}/mmproj.gguf`, { headers }),
 * });
 * console.log(captioner.memory.peakBytes);
 * await captioner.close();
 * ```
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import { bodyPieces } from "./body.ts";
import { checkLength, checkRange, fail, failure } from "./check.ts";
import { collected, collectInto } from "./collect.ts";
import { type Impatience, impatience } from "./impatience.ts";
import type { Source } from "./source.ts";

/** Options of {@link httpSource}. */
export interface HttpSourceOptions {
  /** Used instead of the global `fetch`. */
  fetch?: (input: string, init: RequestInit) => Promise<Response>;
  /** Sent with every request, for example an authorization. */
  headers?: Record<string, string>;
  /** How long a server may send nothing while a read waits for it, in milliseconds; 30 000. Infinity: for ever. */
  idleTimeoutMs?: number;
}

const IDLE_TIMEOUT_MS = 30_000;

/** What must be the same in every answer, or the file was exchanged while it was read. */
interface Identity {
  readonly size: number;
  readonly etag: string | null;
  readonly modified: string | null;
}

/**
 * A file behind HTTP, read by ranges. The server must honour `Range` (answer 206) and must not compress. An answer for
 * another range, of another length, or from another version of the file is refused, and a server that falls silent is given
 * up. Versions are told by size, ETag and Last-Modified: where a server sends neither of the two, a file that is exchanged for
 * one of the same size goes unnoticed.
 *
 * @throws {LorisError} `argument_invalid` for an `idleTimeoutMs` that is none; all else when read.
 */
export function httpSource(url: string | URL, options: HttpSourceOptions = {}): Source {
  const name = String(url);
  const send = options.fetch ?? ((input, init) => fetch(input, init));
  const { idleTimeoutMs = IDLE_TIMEOUT_MS } = options;
  checkTimeout(idleTimeoutMs);
  let identity: Identity | undefined;

  async function request(offset: number, length: number, watch: Impatience): Promise<Response> {
    const headers = {
      ...options.headers,
      range: `bytes=${offset}-${offset + length - 1}`,
      "accept-encoding": "identity",
    };
    let response: Response;
    try {
      response = await watch.wait(send(name, { headers, signal: watch.signal }));
    } catch (cause) {
      watch.signal.throwIfAborted();
      fail(name, `the request failed: ${cause instanceof Error ? cause.message : cause}`, cause);
    }
    try {
      identity = checkResponse(name, response, offset, length, identity);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    return response;
  }

  const watching = (offset: number, length: number, got: () => number, signal?: AbortSignal) =>
    impatience(idleTimeoutMs, signal, () => {
      const came = `${got()} of ${length} bytes from byte ${offset}`;
      return failure(name, `the server sent nothing for ${idleTimeoutMs} ms, after ${came}; try again later`);
    });

  async function known(signal?: AbortSignal): Promise<Identity> {
    if (identity) return identity;
    const watch = watching(0, 1, () => 0, signal);
    try {
      const response = await request(0, 1, watch);
      await response.body?.cancel();
      return identity!;
    } finally {
      watch.end();
    }
  }

  async function* stream(offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkRange(name, offset, length, (await known(signal)).size);
    if (length === 0) return;
    let got = 0;
    const watch = watching(offset, length, () => got, signal);
    try {
      const { body } = await request(offset, length, watch);
      const pieces = bodyPieces(body!, length, watch.signal);
      try {
        while (got <= length) {
          const { done, value } = await watch.wait(pieces.next());
          if (done) break;
          got += value.length;
          if (got <= length) yield value;
        }
      } catch (cause) {
        watch.signal.throwIfAborted();
        fail(name, `the connection broke after ${got} of ${length} bytes from byte ${offset}`, cause);
      } finally {
        await pieces.return();
      }
    } finally {
      watch.end();
    }
    checkLength(name, offset, length, got);
  }

  return {
    name,
    async size(signal) {
      return (await known(signal)).size;
    },
    async read(offset, length, signal) {
      checkRange(name, offset, length, (await known(signal)).size);
      return await collected(stream(offset, length, signal), length);
    },
    readInto: (offset, into, signal) => collectInto(stream(offset, into.length, signal), into),
    stream,
  };
}

function checkTimeout(ms: number): void {
  // a longer one would be over at once: timers count in 32 bits
  if (ms === Infinity || (typeof ms === "number" && ms >= 1 && ms < 2 ** 31)) return;
  const message = `idleTimeoutMs is ${ms}, it must be a number from 1 to ${2 ** 31 - 1}, or Infinity`;
  throw new LorisError("argument_invalid", message, { param: "idleTimeoutMs" });
}

function checkResponse(name: string, response: Response, offset: number, length: number, before?: Identity): Identity {
  const { status, headers } = response;
  if (status === 200) {
    fail(name, "the server ignored the Range header and answered 200 with the whole file; use one that serves ranges");
  }
  if (status !== 206) fail(name, `the server answered ${status} ${response.statusText} to a range request`);
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") fail(name, `the server compressed the range (Content-Encoding: ${encoding})`);
  const range = headers.get("content-range") ?? "(none)";
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range);
  const [first, last, size] = match ? match.slice(1).map(Number) as [number, number, number] : [-1, -1, -1];
  if (first !== offset || last !== offset + length - 1) {
    fail(name, `wanted were bytes ${offset}-${offset + length - 1}, the answer's Content-Range is ${range}`);
  }
  const bytes = headers.get("content-length");
  if (bytes !== null && Number(bytes) !== length) {
    fail(name, `wanted were ${length} bytes from byte ${offset}, the answer's Content-Length is ${bytes}`);
  }
  const now = { size, etag: headers.get("etag"), modified: headers.get("last-modified") };
  if (before && (before.size !== now.size || before.etag !== now.etag || before.modified !== now.modified)) {
    fail(name, `the file changed while it was read: ${JSON.stringify(before)} became ${JSON.stringify(now)}`);
  }
  return now;
}
