/**
 * Fills in the alternative texts that a folder's pages lack: of `<img>` without `alt` in HTML, of `![](x.jpg)` in Markdown.
 * Local pictures only. It lists what it would write; with --write it writes, and changes not a byte beside it.
 *
 * Usage: deno run --allow-read --allow-write main.ts FOLDER [--write] [--prompt TEXT] [--model FOLDER]
 *
 * Exit status: 0; 1 if something could not be captioned, which is told on standard error; 2 if the command is wrong.
 */
import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Captions, loadModel } from "./captions.ts";
import { filledGap, filledPage, type Gap } from "./gap.ts";
import { type Page, pagesUnder, readPage } from "./page.ts";
import { pictureFile } from "./picture.ts";

const USAGE = "usage: deno run --allow-read --allow-write main.ts FOLDER [--write] [--prompt TEXT] [--model FOLDER]";

type Options = ReturnType<typeof parsed>["values"];

class Failures {
  count = 0;

  /** Goes on after what has a code; all else is a fault of this program. */
  add(place: string, error: unknown): void {
    if (!(error instanceof Error) || !("code" in error)) throw error;
    note(`${place}: ${error.code}: ${error.message}`);
    this.count++;
  }
}

async function run(folder: string, { write, prompt, model }: Options): Promise<number> {
  const failures = new Failures();
  const pages: Page[] = [];
  for (const path of await pagesUnder(folder)) {
    await readPage(path).then((page) => pages.push(page), (error) => failures.add(relative(folder, path), error));
  }
  let written = 0;
  const open = pages.filter(({ gaps }) => gaps.length > 0);
  // nobody waits for a model that has nothing to do
  if (open.length > 0) {
    const captioner = await loadModel(model);
    const captions = new Captions(captioner, prompt);
    for (const page of open) {
      const alts = await altsOf(page, folder, captions, failures);
      if (write && alts.length > 0) await Deno.writeTextFile(page.path, filledPage(page.text, alts));
      written += alts.length;
    }
    await captioner.close();
  }
  note(`${written} alternative texts ${write ? "written" : "to be written with --write"}, ${failures.count} failures`);
  return failures.count > 0 ? 1 : 0;
}

/** Alternative texts for a page, shown as they are made. */
async function altsOf({ path, text, gaps }: Page, folder: string, captions: Captions, failures: Failures) {
  const alts: [Gap, string][] = [];
  for (const gap of gaps) {
    const place = `${relative(folder, path)}:${text.slice(0, gap.start).split("\n").length}`;
    try {
      const picture = pictureFile(gap.src, path, folder);
      if (picture === undefined) continue;
      const alt = await captions.of(picture);
      show(place, text.slice(gap.start, gap.end), filledGap(text, gap, alt));
      alts.push([gap, alt]);
    } catch (error) {
      failures.add(place, error);
    }
  }
  return alts;
}

function show(place: string, before: string, after: string): void {
  const lines = (sign: string, text: string) => text.split(/\r?\n/).map((line) => `${sign}${line}\n`).join("");
  process.stdout.write(`${place}\n${lines("-", before)}${lines("+", after)}`);
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

function parsed() {
  return parseArgs({
    allowPositionals: true,
    options: {
      write: { type: "boolean", default: false },
      prompt: { type: "string", default: "Describe this image." },
      model: { type: "string", default: fileURLToPath(new URL("../../models/nano", import.meta.url)) },
    },
  });
}

async function main(): Promise<number> {
  let command: ReturnType<typeof parsed>;
  try {
    command = parsed();
  } catch (error) {
    note(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  const [folder, ...more] = command.positionals;
  if (folder === undefined || more.length > 0) {
    note(USAGE);
    return 2;
  }
  try {
    return await run(folder, command.values);
  } catch (error) {
    new Failures().add("alt-text", error);
    return 1;
  }
}

process.exitCode = await main();
