import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { LorisError } from "../../sdk/errors.ts";
import type { Arguments } from "./args.ts";
import { jsonLine, open, type Opened, takeText } from "./open.ts";
import { errorLine, note, print } from "./terminal.ts";
import { UsageError } from "./values.ts";

const PICTURE = /\.(jpe?g|png|webp|gif|bmp)$/i;

/** `caption PICTURE...` and `ask PICTURE QUESTION`. Returns the exit status. */
export async function caption(args: Arguments, signal: AbortSignal): Promise<number> {
  const { paths, prompt } = operands(args);
  const files = await pictures(paths);
  const opened = await open(args, signal);
  let failed = 0;
  for (const file of files) {
    try {
      await one(file, prompt, files.length > 1, args.json, opened);
    } catch (error) {
      signal.throwIfAborted();
      failed++;
      note(`${file}: ${errorLine(error)}`);
    }
  }
  await opened.close();
  return failed > 0 ? 1 : 0;
}

function operands({ command, operands: given, prompt }: Arguments): { paths: readonly string[]; prompt?: string } {
  if (command === "ask") {
    const [path, question] = given;
    if (given.length !== 2) throw new UsageError(`ask takes a picture and a question, it got ${given.length} operands`);
    if (prompt !== undefined) throw new UsageError("ask takes its question as an operand, not by --prompt");
    return { paths: [path!], prompt: question! };
  }
  if (given.length === 0) throw new UsageError("caption needs one picture or more");
  return { paths: given, ...(prompt === undefined ? {} : { prompt }) };
}

/** Files as they are; of folders, the pictures in them by name. */
async function pictures(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => undefined);
    if (!info?.isDirectory()) {
      files.push(path);
      continue;
    }
    const inside = (await readdir(path)).filter((name) => PICTURE.test(name)).sort();
    if (inside.length === 0) throw new LorisError("argument_invalid", `${path} holds no pictures`);
    files.push(...inside.map((name) => join(path, name)));
  }
  return files;
}

async function one(file: string, prompt: string | undefined, several: boolean, json: boolean, opened: Opened) {
  const bytes = await readFile(file).catch((cause) => {
    throw new LorisError("source_failed", `the file cannot be read: ${(cause as Error).message}`, { cause });
  });
  const options = prompt === undefined ? opened.options : { ...opened.options, prompt };
  const answer = opened.captioner.caption(bytes, options);
  let prefix = several ? `${file}: ` : "";
  const show = (piece: string) => {
    print(prefix + piece);
    prefix = "";
  };
  const text = await takeText(answer, json ? () => {} : show);
  print(json ? jsonLine(file, text.trimEnd(), await answer.result, opened) : "\n");
}
