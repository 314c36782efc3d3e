import { ApiError } from "./errors.ts";

/** Finds out whether an `Authorization` header brings one of some keys. */
export class ApiKeys {
  /** SHA-256 of each key, by the key: bindings may give the same keys again and again. No request waits for another's. */
  readonly #digests = new Map<string, Uint8Array>();

  /**
   * Keys are compared by their digests, each whole and all of them, so that the time says nothing about any.
   *
   * @throws {ApiError} 401.
   */
  async check(authorization: string | undefined, keys: readonly string[]): Promise<void> {
    const [, given] = /^bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
    if (given === undefined) throw refused("missing_api_key", "an API key is wanted, as Authorization: Bearer KEY");
    const digest = await sha256(given);
    let known = 0;
    // an empty key would be anybody's
    for (const key of keys) known |= key === "" ? 0 : equal(digest, await this.#digest(key));
    if (known === 0) throw refused("invalid_api_key", "the API key is not known here");
  }

  async #digest(key: string): Promise<Uint8Array> {
    const digest = this.#digests.get(key) ?? await sha256(key);
    this.#digests.set(key, digest);
    return digest;
  }
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

/** 1 if all bytes are equal, else 0. */
function equal(a: Uint8Array, b: Uint8Array): number {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0 ? 1 : 0;
}

function refused(code: string, message: string): ApiError {
  return new ApiError(401, code, message, { headers: { "www-authenticate": "Bearer" } });
}
