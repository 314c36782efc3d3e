import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LorisError } from "../../sdk/errors.ts";
import { openGguf, splitNames } from "../../sdk/gguf/gguf.ts";
import { type FileSource, fileSource } from "../../sdk/sources/file.ts";
import type { LoadingArguments } from "./loading_args.ts";

/** The files of a model, opened on first use; close all when loaded, or when the captioner is closed if it streams layers. */
export interface ModelFiles {
  readonly text: readonly FileSource[];
  readonly vision: readonly FileSource[];
}

/** The model that ships with the package. */
export const EMBEDDED = new URL("../../models/nano/", import.meta.url);

/** @throws {LorisError} `argument_invalid` if the folder does not hold just one text and one projector model. */
export async function modelFiles({ model, text, vision }: LoadingArguments): Promise<ModelFiles> {
  if (text !== undefined && vision !== undefined) return { text: sources(text), vision: sources(vision) };
  return await folderModel(model ?? fileURLToPath(EMBEDDED));
}

export async function closeFiles(files: ModelFiles): Promise<void> {
  await Promise.all([...files.text, ...files.vision].map((file) => file.close()));
}

/** A GGUF file, or the whole split set that it is the first file of. */
export function sources(path: string): FileSource[] {
  return (splitNames(path) ?? [path]).map((name) => fileSource(name));
}

async function folderModel(folder: string): Promise<ModelFiles> {
  const bad = (message: string, cause?: unknown) =>
    new LorisError("argument_invalid", `${folder} ${message}`, { param: "model", cause });
  const info = await stat(folder).catch((cause) => {
    throw bad("is not there; --model takes a folder", cause);
  });
  const where = info.isDirectory() ? folder : dirname(folder);
  if (!info.isDirectory()) {
    throw bad(`is a file; --model takes a folder (${where}), single files go to --text and --vision`);
  }
  const names = (await readdir(folder)).filter((name) => name.endsWith(".gguf") && !isLaterPart(name)).sort();
  const found: Record<string, string[]> = { llama: [], clip: [] };
  for (const name of names) {
    const files = sources(join(folder, name));
    try {
      const { metadata } = await openGguf(files);
      found[metadata.string("general.architecture")]?.push(name);
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  }
  const [texts, visions] = [found.llama!, found.clip!];
  if (texts.length !== 1 || visions.length !== 1) {
    throw bad(
      `must hold one text and one projector GGUF, it holds ${texts.length} (${texts.join(", ") || "none"}) and ` +
        `${visions.length} (${visions.join(", ") || "none"}); name them with --text and --vision`,
    );
  }
  return { text: sources(join(folder, texts[0]!)), vision: sources(join(folder, visions[0]!)) };
}

function isLaterPart(name: string): boolean {
  return /-\d{5}-of-\d{5}\.gguf$/.test(name) && !name.includes("-00001-of-");
}
