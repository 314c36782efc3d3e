import { isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Why an alternative text could not be made; errors of the SDK have a code of their own. */
export class AltTextError extends Error {
  override readonly name = "AltTextError";
  readonly code: "picture_missing" | "picture_outside" | "page_encoding" | "caption_empty" | "model_missing";

  constructor(code: AltTextError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The file of a page's picture; undefined if the picture comes from elsewhere.
 *
 * @param folder That of the site: what an address that begins with "/" is in.
 * @throws {AltTextError} `picture_outside` if the file is not in the folder.
 */
export function pictureFile(src: string, page: string, folder: string): string | undefined {
  // "//host/x.jpg" is another host's
  const ofSite = /^\/(?!\/)/.test(src);
  const url = URL.parse(ofSite ? `.${src}` : src, pathToFileURL(resolve(ofSite ? join(folder, "page") : page)));
  if (url?.protocol !== "file:" || url.host !== "") return undefined;
  const file = fileURLToPath(url);
  const inside = relative(resolve(folder), file);
  if (!inside.startsWith("..") && !isAbsolute(inside)) return file;
  throw new AltTextError("picture_outside", `${src} is not in ${folder}; name the folder of the whole site`);
}

/** @throws {AltTextError} `picture_missing` */
export async function readPicture(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(file);
  } catch {
    throw new AltTextError("picture_missing", `${file} is not there, or cannot be read`);
  }
}
