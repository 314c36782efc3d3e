import { free } from "../../sdk/platform/free.ts";
import { bodyPieces } from "../../sdk/sources/body.ts";
import { ApiError } from "./errors.ts";

/** Bounds of a body, and who is told of its bytes. */
export interface BodyOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Called before bytes are kept; what it throws ends the reading. */
  readonly hold: (bytes: number) => void;
}

/** Memory of a piece where nobody says how long the body is. */
const UNANNOUNCED_BYTES = 1 << 16;

/**
 * The whole body of a request, in memory of its own.
 *
 * @throws {ApiError} 413 as soon as it is known to be too long, what `hold` throws, 400 for one that breaks off; the signal's
 * reason.
 */
export async function readBody(request: Request, { maxBytes, signal, hold }: BodyOptions): Promise<Uint8Array> {
  signal.throwIfAborted();
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > maxBytes) throw tooLarge(announced, maxBytes);
  if (!request.body) return new Uint8Array(0);
  let [memory, filled] = [new Uint8Array(0), 0];
  const room = (bytes: number) => {
    if (bytes <= memory.length) return;
    hold(bytes - memory.length);
    const larger = new Uint8Array(bytes);
    larger.set(memory.subarray(0, filled));
    free(memory);
    memory = larger;
  };
  try {
    room(announced);
    for await (const piece of bodyPieces(request.body, announced || UNANNOUNCED_BYTES, signal)) {
      signal.throwIfAborted();
      const end = filled + piece.length;
      if (end > maxBytes) throw tooLarge(end, maxBytes);
      if (end > memory.length) room(Math.min(maxBytes, Math.max(end, 2 * memory.length)));
      memory.set(piece, filled);
      filled = end;
    }
    signal.throwIfAborted();
  } catch (error) {
    free(memory);
    signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    throw new ApiError(400, "body_incomplete", `the body broke off after ${filled} bytes`, { cause: error });
  }
  return memory.subarray(0, filled);
}

/**
 * The value that a body is; the bytes are given back then, for they are not needed beside it.
 *
 * @throws {ApiError} 400 for what is no JSON in UTF-8.
 */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    // the engine's own message quotes the body
    throw new ApiError(400, "invalid_json", "the body is not JSON in UTF-8", { cause });
  } finally {
    free(bytes);
  }
}

/** Type of a request's body, in lower case and without parameters. */
export function contentType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

function tooLarge(bytes: number, maxBytes: number): ApiError {
  return new ApiError(413, "body_too_large", `the body has ${bytes} bytes or more, allowed are ${maxBytes}`);
}
