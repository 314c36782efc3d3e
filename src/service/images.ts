import { LorisError } from "../../sdk/errors.ts";
import { readImageBytes } from "../../sdk/image/input.ts";
import { ApiError, toApiError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { fetchImage } from "./remote_image.ts";

/**
 * The compressed bytes of the picture that a URL means.
 *
 * @param param The request's field, which errors name.
 * @throws {ApiError} 400, 413; the signal's reason.
 */
export async function imageAt(
  url: string,
  { maxImageBytes, remoteImages }: Settings,
  signal: AbortSignal,
  param: string,
): Promise<Uint8Array> {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") {
    if (remoteImages) return await fetchImage(url.trim(), remoteImages, { maxBytes: maxImageBytes, signal, param });
    throw new ApiError(400, "remote_image_refused", "pictures by URL are not allowed here; send a data: URL", {
      param,
    });
  }
  if (scheme !== "data") {
    const what = scheme === undefined ? "a text without a scheme" : `a ${scheme}: URL`;
    throw new ApiError(400, "invalid_value", `a picture must be a data: URL, this is ${what}`, { param });
  }
  try {
    return await readImageBytes(url, maxImageBytes, signal);
  } catch (error) {
    if (!(error instanceof LorisError)) throw error;
    const { status, code, message } = toApiError(error);
    throw new ApiError(status, code, message, { param, cause: error });
  }
}
