import { joined } from "../../sdk/sources/collect.ts";
import { ApiError } from "./errors.ts";

/** Bounds of a body, and who is told of its bytes. */
export interface BodyOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Called before bytes are kept; what it throws ends the reading. */
  readonly hold: (bytes: number) => void;
}

/**
 * The whole body of a request.
 *
 * @throws {ApiError} 413 as soon as it is known to be too long, what `hold` throws, 400 for one that breaks off; the signal's
 * reason.
 */
export async function readBody(request: Request, { maxBytes, signal, hold }: BodyOptions): Promise<Uint8Array> {
  signal.throwIfAborted();
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > maxBytes) throw tooLarge(announced, maxBytes);
  if (!request.body) return new Uint8Array(0);
  const reader = request.body.getReader();
  const abort = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", abort, { once: true });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      length += value.length;
      if (length > maxBytes) throw tooLarge(length, maxBytes);
      hold(value.length);
      chunks.push(value);
    }
  } catch (error) {
    abort();
    signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "body_incomplete", `the body broke off after ${length} bytes`, { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return joined(chunks, length);
}

/** @throws {ApiError} 400 for what is no JSON in UTF-8. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    // the engine's own message quotes the body
    throw new ApiError(400, "invalid_json", "the body is not JSON in UTF-8", { cause });
  }
}

/** Type of a request's body, in lower case and without parameters. */
export function contentType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

function tooLarge(bytes: number, maxBytes: number): ApiError {
  return new ApiError(413, "body_too_large", `the body has ${bytes} bytes or more, allowed are ${maxBytes}`);
}
