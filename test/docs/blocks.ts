/** The code blocks of the documents. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block. What follows `needs:` in its first line is what a machine has not by itself; it is then not run. */
export interface Block {
  readonly file: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly language: string;
  readonly needs: string | undefined;
  readonly text: string;
}

/** Markdown files that speak to users, from the repository's root. */
export async function documents(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["", "docs", "models/nano"]) found.push(...await markdownIn(folder));
  for (const { name, isDirectory } of await entries("examples")) {
    if (isDirectory) found.push(...await markdownIn(`examples/${name}`));
  }
  return found;
}

async function markdownIn(folder: string): Promise<string[]> {
  const names = (await entries(folder)).map(({ name }) => name).filter((name) => name.endsWith(".md"));
  return names.map((name) => join(folder, name));
}

async function entries(folder: string): Promise<Deno.DirEntry[]> {
  const all = await Array.fromAsync(Deno.readDir(join(ROOT, folder)));
  return all.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

/** All blocks of some documents in these languages, in order. */
export async function blocksIn(files: readonly string[], languages: readonly string[]): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const file of files) blocks.push(...blocksOf(file, await Deno.readTextFile(join(ROOT, file))));
  return blocks.filter(({ language }) => languages.includes(language));
}

/** The blocks of one document. */
export function blocksOf(file: string, markdown: string): Block[] {
  const fences = markdown.matchAll(/^```(\w+)(?: needs: (.+))?\n([\s\S]*?)^```$/gm);
  return Array.from(fences, ({ index, 1: language, 2: needs, 3: text }) => ({
    ...{ file, language: language!, needs, text: text! },
    line: markdown.slice(0, index).split("\n").length + 1,
  }));
}
