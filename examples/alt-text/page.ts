import { extname, join } from "node:path";
import type { Gap } from "./gap.ts";
import { gapsInHtml } from "./html.ts";
import { gapsInMarkdown } from "./markdown.ts";
import { AltTextError } from "./picture.ts";

const READERS: Readonly<Record<string, (text: string) => Gap[]>> = {
  ".html": gapsInHtml,
  ".htm": gapsInHtml,
  ".md": gapsInMarkdown,
  ".markdown": gapsInMarkdown,
};

/** A page as it is on disk. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly gaps: readonly Gap[];
}

/** Pages under a folder, in order; what is hidden, or an installed package, is nobody's page. */
export async function pagesUnder(folder: string): Promise<string[]> {
  const pages: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) pages.push(...await pagesUnder(join(folder, name)));
    if (isFile && extname(name).toLowerCase() in READERS) pages.push(join(folder, name));
  }
  return pages.sort();
}

/** @throws {AltTextError} `page_encoding`: what is not UTF-8 could not be written back as it was. */
export async function readPage(path: string): Promise<Page> {
  const text = decoded(await Deno.readFile(path));
  return { path, text, gaps: READERS[extname(path).toLowerCase()]!(text) };
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new AltTextError("page_encoding", "it is not UTF-8");
  }
}
