import { LorisError } from "../errors.ts";
import { base64Bytes } from "./base64.ts";
import { joined } from "../sources/collect.ts";

/** A picture in any form that a program is likely to have it: still compressed. */
export type ImageInput = Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array> | string | URL;

/**
 * The compressed bytes of a picture.
 *
 * @param input Bytes, or something that gives bytes; a string or URL must be a `data:` URL.
 * @param maxBytes More than this is refused, while reading.
 * @throws {LorisError} `image_too_large`, `image_invalid`, `argument_invalid`, `source_failed`; the signal's reason.
 */
export async function readImageBytes(input: ImageInput, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  signal?.throwIfAborted();
  const bytes = await toBytes(input, maxBytes, signal);
  if (bytes.length > maxBytes) refuseSize(bytes.length, maxBytes);
  if (bytes.length === 0) throw new LorisError("image_invalid", "the picture is empty (0 bytes)");
  return bytes;
}

/** Ends a stream that will not be read: whoever fills it hears of it. What is being read, or is no stream, is let be. */
export function cancelImage(input: ImageInput, reason: unknown): void {
  const stream = input instanceof Response ? input.body : input;
  if (stream instanceof ReadableStream && !stream.locked) stream.cancel(reason).catch(() => {});
}

async function toBytes(input: ImageInput, maxBytes: number, signal?: AbortSignal): Promise<Uint8Array> {
  if (input instanceof Uint8Array) return input;
  if (input instanceof ArrayBuffer) return new Uint8Array(input);
  if (typeof input === "string" || input instanceof URL) return dataUrlBytes(String(input), maxBytes);
  if (input instanceof Blob) {
    if (input.size > maxBytes) refuseSize(input.size, maxBytes);
    return new Uint8Array(await input.arrayBuffer());
  }
  if (input instanceof Response) {
    if (!input.ok) throw new LorisError("image_invalid", `the response for the picture has the status ${input.status}`);
    if (!input.body) throw new LorisError("image_invalid", "the response for the picture has no body");
    return await collect(input.body, maxBytes, signal);
  }
  if (input instanceof ReadableStream) return await collect(input, maxBytes, signal);
  throw new LorisError(
    "argument_invalid",
    "a picture must be bytes, a Blob, a Response, a stream of bytes or a data URL, it is " +
      (input === null ? "null" : typeof input),
    { param: "image" },
  );
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (stream.locked) {
    throw new LorisError(
      "argument_invalid",
      "the picture's stream or response is already being read, or has been; give a fresh one",
      {
        param: "image",
      },
    );
  }
  const reader = stream.getReader();
  const abort = () => reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", abort);
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        signal?.throwIfAborted();
        throw new LorisError("source_failed", `the picture's stream failed after ${length} bytes: ${cause}`, { cause });
      });
      signal?.throwIfAborted();
      if (done) break;
      if (!(value instanceof Uint8Array)) {
        await reader.cancel();
        const what = `a chunk that is ${value === null ? "null" : typeof value}`;
        throw new LorisError("argument_invalid", `the picture's stream gave ${what}, it must give Uint8Arrays`, {
          param: "image",
        });
      }
      length += value.length;
      if (length > maxBytes) {
        await reader.cancel();
        refuseSize(length, maxBytes);
      }
      chunks.push(value);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
  }
  return joined(chunks, length);
}

/**
 * The bytes of a `data:` URL (RFC 2397, as the Fetch standard reads it: any case of scheme and `;base64`, any parameters,
 * percent-encoding anywhere, white space and missing padding in base64).
 */
function dataUrlBytes(text: string, maxBytes: number): Uint8Array {
  // four characters of base64 are three bytes; refuse before copying or decoding
  if (text.length > maxBytes * 4) refuseSize(Math.floor(text.length * 3 / 4), maxBytes);
  // as the URL standard does first: spaces and control characters around the URL, and line breaks and tabs anywhere in it
  const url = withoutFragment(trimmed(text).replace(/[\t\n\r]+/g, ""));
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url);
  if (scheme?.[1]?.toLowerCase() !== "data") {
    const what = scheme ? `a ${scheme[1]!.toLowerCase()}: URL` : `the string "${url.slice(0, 40)}"`;
    throw new LorisError(
      "argument_invalid",
      `a picture given as a string must be a data: URL, this is ${what}; fetch or read it and give its bytes or Response`,
      { param: "image" },
    );
  }
  const comma = url.indexOf(",");
  if (comma < 0) throw new LorisError("image_invalid", "the data URL has no comma between its type and its data");
  const type = url.slice(scheme[0].length, comma);
  const body = url.slice(comma + 1);
  if (!/; *base64 *$/i.test(type)) return percentDecode(body);
  const bytes = base64Bytes(body.includes("%") ? new TextDecoder("latin1").decode(percentDecode(body)) : body);
  if (!bytes) throw new LorisError("image_invalid", "the data URL's base64 is broken");
  return bytes;
}

/** By hand: a pattern that is bound to the end is tried at every space of a URL of megabytes. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}

function withoutFragment(url: string): string {
  const at = url.indexOf("#");
  return at < 0 ? url : url.slice(0, at);
}

/** Every %XX becomes a byte, everything else its UTF-8 bytes. */
function percentDecode(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (!text.includes("%")) return bytes;
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes[i] === 0x25
      ? Number.parseInt(String.fromCharCode(bytes[i + 1] ?? 32, bytes[i + 2] ?? 32), 16)
      : NaN;
    const escaped = bytes[i] === 0x25 && isHex(bytes[i + 1]) && isHex(bytes[i + 2]);
    bytes[length++] = escaped ? hex : bytes[i]!;
    if (escaped) i += 2;
  }
  return bytes.subarray(0, length);
}

function isHex(byte: number | undefined): boolean {
  return byte !== undefined && /[0-9a-f]/i.test(String.fromCharCode(byte));
}

function refuseSize(bytes: number, maxBytes: number): never {
  throw new LorisError("image_too_large", `the picture has ${bytes} bytes or more, allowed are ${maxBytes}`);
}
