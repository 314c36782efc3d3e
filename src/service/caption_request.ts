import type { CaptionOptions } from "../../sdk/chat.ts";
import { readImageBytes } from "../../sdk/image/input.ts";
import { free } from "../../sdk/platform/free.ts";
import { contentType, parseJson } from "./body.ts";
import { type CaptionFields, captionOptions, captionRequest } from "./caption_schema.ts";
import { seedOf } from "./chat_request.ts";
import { ApiError } from "./errors.ts";
import { imageAt } from "./images.ts";
import type { Settings } from "./options.ts";
import { validated } from "./validate.ts";

/** A picture and how it is asked about. */
export interface ParsedCaption {
  readonly image: Uint8Array;
  readonly options: CaptionOptions;
}

const NUMBERS: readonly string[] = ["max_tokens", "temperature", "top_p", "seed"];

/**
 * A caption request in any of its three forms, told apart by the body's type: Workers AI's JSON, a form with a file, or the
 * picture itself.
 *
 * @throws {ApiError} 400, 413, 415.
 * @throws {LorisError} `image_too_large`, `image_invalid` for an empty picture.
 */
export async function parseCaption(
  request: Request,
  body: Uint8Array,
  settings: Settings,
  signal: AbortSignal,
): Promise<ParsedCaption> {
  const { image, options } = await parseForm(request, body, settings, signal);
  return { image: await readImageBytes(image, settings.maxImageBytes, signal), options };
}

async function parseForm(
  request: Request,
  body: Uint8Array,
  settings: Settings,
  signal: AbortSignal,
): Promise<{ image: Uint8Array | Blob; options: CaptionOptions }> {
  const type = contentType(request);
  if (type === "application/json") {
    const json = parseJson(body);
    const list = byteList(json, settings);
    // a schema makes several objects of each number in a list
    const { image, ...fields } = validated(captionRequest, list ? { ...json as object, image: "bytes" } : json);
    return { image: list ?? await textImage(image as string, settings, signal), options: toOptions(fields, settings) };
  }
  if (type === "multipart/form-data") {
    const form = await formData(request, body);
    const image = form.get("image");
    if (image instanceof Blob) return { image, options: textOptions(form, settings) };
    throw new ApiError(400, "missing_required_parameter", 'the form needs a file named "image"', { param: "image" });
  }
  if (type.startsWith("image/") || type === "application/octet-stream") {
    return { image: body, options: textOptions(new URL(request.url).searchParams, settings) };
  }
  const wanted = "image/*, application/octet-stream, multipart/form-data or application/json";
  const message = `the body must be ${wanted}, it is ${type === "" ? "of no type" : type.slice(0, 60)}`;
  throw new ApiError(415, "unsupported_media_type", message);
}

async function formData(request: Request, bytes: Uint8Array): Promise<FormData> {
  try {
    const headers = { "content-type": request.headers.get("content-type")! };
    const form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData();
    // what is in the form are copies
    free(bytes);
    return form;
  } catch (cause) {
    throw new ApiError(400, "invalid_form", "the body is not the form that its type says", { cause });
  }
}

/** Workers AI's list of bytes, where the picture is one. */
function byteList(json: unknown, { maxImageBytes }: Settings): Uint8Array | undefined {
  const { image } = (json ?? {}) as { image?: unknown };
  if (!Array.isArray(image)) return undefined;
  const wrong = (message: string) => new ApiError(400, "invalid_value", message, { param: "image" });
  if (image.length === 0) throw wrong("image must be a list of at least one byte");
  if (image.length > maxImageBytes) {
    const message = `the picture has ${image.length} bytes, allowed are ${maxImageBytes}`;
    throw new ApiError(413, "image_too_large", message, { param: "image" });
  }
  if (!image.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255)) {
    throw wrong("image must be a list of bytes, whole numbers from 0 to 255");
  }
  return Uint8Array.from(image);
}

async function textImage(image: string, settings: Settings, signal: AbortSignal): Promise<Uint8Array> {
  const wrong = (message: string) => new ApiError(400, "invalid_value", message, { param: "image" });
  if (/^\s*(data|https?):/i.test(image)) return await imageAt(image, settings, signal, "image");
  const bytes = new Uint8Array(image.length);
  for (let i = 0; i < image.length; i++) {
    const code = image.charCodeAt(i);
    if (code > 255) throw wrong("image as a text must be a data: URL, or have a character of 0 to 255 for each byte");
    bytes[i] = code;
  }
  return bytes;
}

/** Fields that come as texts. */
function textOptions(fields: FormData | URLSearchParams, settings: Settings): CaptionOptions {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(captionOptions.entries)) {
    const text = fields.get(name);
    if (typeof text !== "string" || text === "") continue;
    const number = Number(text);
    values[name] = NUMBERS.includes(name) && text.trim() !== "" && !Number.isNaN(number) ? number : text;
  }
  return toOptions(validated(captionOptions, values), settings);
}

function toOptions(
  { prompt, max_tokens, temperature, top_p, seed }: CaptionFields,
  settings: Settings,
): CaptionOptions {
  const given = {
    ...{ prompt, temperature, maxTokens: max_tokens },
    topP: top_p === 0 ? 1e-6 : top_p,
    seed: typeof seed === "number" ? seedOf(seed, 0) : undefined,
  };
  const options = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
  return { maxTiles: settings.maxTiles, ...options };
}
