import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { LorisError } from "../../sdk/errors.ts";
import { type CaptionItem, parseCaptions, parseQuestions, type QuestionItem } from "../../sdk/evaluate/dataset.ts";

/** With the place of its picture on this machine. */
export type Located<T> = T & { readonly path: string };

/**
 * Pictures with their captions.
 *
 * @param lines Path of the JSON lines.
 * @param folder Of the pictures that they name.
 * @throws {LorisError} `source_failed` if the lines cannot be read; `file_invalid`, with file and line, for a line that is
 * wrong or names a picture that is not there. All pictures are looked for at once, so that an evaluation of hours does not
 * end at a missing one.
 */
export async function readCaptions(lines: string, folder: string): Promise<Located<CaptionItem>[]> {
  return await locate(parseCaptions(await readText(lines), lines), lines, folder);
}

/** Questions about pictures; else as {@link readCaptions}. */
export async function readQuestions(lines: string, folder: string): Promise<Located<QuestionItem>[]> {
  return await locate(parseQuestions(await readText(lines), lines), lines, folder);
}

async function readText(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((cause) => {
    throw new LorisError("source_failed", `${path} cannot be read: ${(cause as Error).message}`, {
      param: path,
      cause,
    });
  });
}

async function locate<T extends { readonly file: string; readonly line: number }>(
  items: readonly T[],
  lines: string,
  folder: string,
): Promise<Located<T>[]> {
  const located: Located<T>[] = [];
  for (const item of items) {
    const path = join(folder, item.file);
    const info = await stat(path).catch(() => undefined);
    if (!info?.isFile()) {
      const message = `${lines}:${item.line}: the picture ${path} is ${info ? "no file" : "not there"}`;
      throw new LorisError("file_invalid", message, { param: lines });
    }
    located.push({ ...item, path });
  }
  return located;
}
