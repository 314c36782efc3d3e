import { LorisError } from "../../sdk/errors.ts";
import { readImageBytes } from "../../sdk/image/input.ts";
import { isPublicAddress, isPublicHost } from "./addresses.ts";
import { ApiError } from "./errors.ts";

/** Pictures by URL: from where, and how much. https only, without credentials. */
export interface RemoteImageOptions {
  /** Host names that are allowed, each hop of a redirect too; "*.example.com" means every name below example.com. */
  readonly hosts: readonly string[];
  /** From the request to the last byte, all hops together; 10,000. */
  readonly timeoutMs?: number;
  /** Redirects that are followed; 3. */
  readonly maxRedirects?: number;
  /**
   * Addresses of a name, as text. Where it is given, every one must be public, and a name without any is refused: what fetches
   * might know it from elsewhere. Without it a name is judged by its spelling and the allow-list alone: web standards have no
   * way to ask.
   */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Used instead of the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * The compressed bytes of a picture elsewhere. A name whose address changes between the check and the request is not
 * noticed: the allow-list is what says whom to trust.
 *
 * @throws {ApiError} 400 and 413, which name the field and never say what else was found at the address; the signal's reason.
 */
export async function fetchImage(
  text: string,
  options: RemoteImageOptions,
  { maxBytes, signal, param }: { maxBytes: number; signal: AbortSignal; param: string },
): Promise<Uint8Array> {
  const { timeoutMs = 10_000, maxRedirects = 3 } = options;
  const send = options.fetch ?? ((input, init) => fetch(input, init));
  const fail = (message: string, cause?: unknown) =>
    new ApiError(400, "remote_image_failed", message, { param, cause });
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => controller.abort(fail(`the picture took longer than ${timeoutMs} ms`)), timeoutMs);
  try {
    let url = await checkedUrl(text, options, param);
    for (let hop = 0; hop <= maxRedirects; hop++) {
      // nothing of ours goes along: no cookies are kept here, no referrer is sent, headers are these alone
      const response = await send(url.href, {
        headers: { accept: "image/*" },
        redirect: "manual",
        signal: controller.signal,
      });
      const location = response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
      if (location === null) return await picture(response, maxBytes, controller.signal, param);
      await response.body?.cancel();
      url = await checkedUrl(new URL(location, url).href, options, param);
    }
    throw fail(`the picture's URL was redirected more than ${maxRedirects} times`);
  } catch (error) {
    controller.signal.throwIfAborted();
    if (error instanceof ApiError) throw error;
    throw fail("the picture could not be fetched", error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

async function checkedUrl(text: string, { hosts, resolve }: RemoteImageOptions, param: string): Promise<URL> {
  const refuse = (message: string) => new ApiError(400, "remote_image_refused", message, { param });
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw refuse("the picture's URL cannot be parsed");
  if (url.protocol !== "https:") throw refuse(`a picture's URL must be https: or data:, this is ${url.protocol}`);
  if (url.username !== "" || url.password !== "") throw refuse("a picture's URL must not hold a user or a password");
  const host = url.hostname.replace(/\.$/, "");
  if (!hosts.some((pattern) => matches(host, pattern.toLowerCase()))) {
    throw refuse(`pictures from ${host} are not allowed here`);
  }
  if (!isPublicHost(host)) throw refuse(`${host} is not on the open internet`);
  const literal = host.startsWith("[") || /^[\d.]+$/.test(host);
  const addresses = literal ? undefined : await resolve?.(host);
  if (addresses?.length === 0) throw refuse(`${host} has no address`);
  if (addresses?.every(isPublicAddress) === false) throw refuse(`${host} is not on the open internet`);
  return url;
}

function matches(host: string, pattern: string): boolean {
  return pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern;
}

async function picture(response: Response, maxBytes: number, signal: AbortSignal, param: string): Promise<Uint8Array> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new ApiError(400, "remote_image_failed", "the picture's server did not answer with a picture", { param });
  }
  try {
    return await readImageBytes(response, maxBytes, signal);
  } catch (error) {
    if (!(error instanceof LorisError) || error.code !== "image_too_large") throw error;
    throw new ApiError(413, "image_too_large", error.message, { param, cause: error });
  }
}
