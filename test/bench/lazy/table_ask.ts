/** Asks every row about every picture, and keeps what is answered. */
import type { Journal } from "../../../src/cli/journal.ts";
import type { Answered, Conversation, TableModel } from "./table_model.ts";
import { rowKey, type TableRow } from "./table_rows.ts";
import type { Item, Part, RowAnswers } from "./table.ts";

/** By {@link rowKey}. */
export type Asked = ReadonlyMap<string, RowAnswers>;

/** What is to be asked. */
export interface AskOptions {
  readonly model: TableModel;
  readonly rows: readonly TableRow[];
  readonly items: Readonly<Record<Part, readonly Item[]>>;
  readonly parts: readonly Part[];
  /** Folder of the folders of pictures. */
  readonly data: string;
  /** What is in it is not computed again. */
  readonly journal: Journal<Answered>;
  readonly say: (line: string) => void;
}

/** Whose pictures a part asks about. */
const FOLDERS: Readonly<Record<Part, string>> = {
  captions: "captions",
  agreement: "captions",
  yesno: "captions",
  vqa: "easyvqa",
};

/** Pictures between two lines of progress. */
const PROGRESS = 10;

/** Whether a value of a journal is one of ours. */
export function isAnswered(value: unknown): value is Answered {
  if (typeof value !== "object" || value === null) return false;
  const { texts, ids, prefillMs, perTokenMs, kvBytes } = value as Record<string, unknown>;
  return Array.isArray(texts) && texts.every((text) => typeof text === "string") &&
    Array.isArray(ids) && ids.every(Number.isInteger) &&
    [prefillMs, perTokenMs, kvBytes].every(Number.isFinite);
}

/** Picture by picture: each is encoded once, then all rows answer, so that what disturbs the machine disturbs all alike. */
export async function askAll(all: AskOptions): Promise<Asked> {
  // two planners may have found the same plan
  const options = { ...all, rows: [...new Map(all.rows.map((row) => [rowKey(row), row])).values()] };
  const { rows, items, parts, say } = options;
  const pictures = picturesOf(items, parts);
  const started = performance.now();
  let [done, computed] = [0, 0];
  for (const picture of pictures) {
    if (await askAbout(options, picture)) computed++;
    if (++done % PROGRESS === 0 || done === pictures.length) {
      const minutes = (performance.now() - started) / 60000;
      const left = computed === 0 ? "" : `, about ${(minutes / computed * (pictures.length - done)).toFixed(0)} to go`;
      say(`${done} of ${pictures.length} pictures, ${rows.length} rows, ${minutes.toFixed(1)} minutes${left}`);
    }
  }
  return new Map(rows.map((row) => [rowKey(row), answersOf(options, row)]));
}

/** A picture with what its parts ask of it. */
interface Picture {
  readonly path: string;
  readonly asked: readonly (readonly [Part, Item])[];
}

function picturesOf(items: AskOptions["items"], parts: readonly Part[]): Picture[] {
  // a long answer begins with the caption
  const ordered = parts.toSorted((a, b) => Number(b === "agreement") - Number(a === "agreement"));
  const all = ordered.flatMap((part) =>
    items[part].map((item) => ({ path: `${FOLDERS[part]}/${item.file}`, part, item }))
  );
  return [...Map.groupBy(all, ({ path }) => path)].map(([path, list]) => ({
    path,
    asked: list.map(({ part, item }) => [part, item] as const),
  }));
}

/** True if anything was to be computed. */
async function askAbout(options: AskOptions, { path, asked }: Picture): Promise<boolean> {
  const { model, rows, journal, data } = options;
  const missing = rows.map((row) => ({
    row,
    asked: asked.filter(([part, item]) => journal.get(...keysOf(model, row, part, item)) === undefined),
  })).filter(({ asked }) => asked.length > 0);
  if (missing.length === 0) return false;
  const looked = await model.look(await Deno.readFile(`${data}/${path}`));
  for (const { row, asked } of missing) {
    const conversation = await model.about(looked, row);
    for (const [part, item] of asked) {
      const result = await answer(conversation, part, item);
      const [configuration, key] = keysOf(model, row, part, item);
      journal.add({ configuration, item: key, result });
    }
  }
  return true;
}

async function answer(conversation: Conversation, part: Part, { questions }: Item): Promise<Answered> {
  switch (part) {
    case "captions":
      return await conversation.caption();
    case "agreement":
      return await conversation.long();
    case "yesno":
      return await conversation.yesNo(questions);
    case "vqa":
      return await conversation.words(questions);
  }
}

function keysOf(model: TableModel, row: TableRow, part: Part, { file, questions }: Item): [string, string] {
  return [`${model.key} ${rowKey(row)} ${part}`, JSON.stringify([file, ...questions])];
}

function answersOf({ model, items, parts, journal }: AskOptions, row: TableRow): RowAnswers {
  const of = (part: Part) => items[part].map((item) => journal.get(...keysOf(model, row, part, item))!);
  return Object.fromEntries(parts.map((part) => [part, of(part)]));
}
