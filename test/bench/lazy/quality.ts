/**
 * The table of Lazy Attention: what each plan, an 8-bit cache and fewer image tokens cost in quality, on the embedded model.
 * Usage: deno task lazy:table [--data DIR] [--only captions,agreement,yesno,vqa,speed] [--rows "TEXT;TEXT"] [--limit N]
 *   [--agreement N] [--plans DIR] [--journal FILE] [--out DIR] [--json]
 *   [--clock wall|cpu]
 * --rows takes the rows whose name has one of the texts. A run that ended goes on from its journal.
 */
import { parseArgs } from "node:util";
import { lazyLayers } from "../../../sdk/lazy/plan.ts";
import { readCaptions, readQuestions } from "../../../src/cli/dataset.ts";
import { Journal } from "../../../src/cli/journal.ts";
import { shared } from "../../shared.ts";
import { NANO } from "../model.ts";
import { machineName, saveReport } from "../report.ts";
import { type Clock, clockName, CLOCKS } from "./clock.ts";
import { encodeTimes } from "./encode.ts";
import { Lab } from "./lab.ts";
import { askAll, type Asked, isAnswered } from "./table_ask.ts";
import { type Answered, MAX_TOKENS, TableModel } from "./table_model.ts";
import { foundPlans, rowKey, type TableRow, tableRows } from "./table_rows.ts";
import {
  costsOf,
  type Item,
  markdown,
  type Part,
  PARTS,
  type QualityReport,
  type QualityRow,
  scoresOf,
} from "./table.ts";
import { measureThroughput, type ThroughputRow } from "./throughput.ts";

const BUDGET_BYTES = 64 << 20;
const ROUNDS = 5;

const here = (path: string) => new URL(`../../../${path}`, import.meta.url).pathname;
const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
/** Progress; standard output is the result's. */
const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ data: { type: "string" }, only: { type: "string" }, rows: { type: "string" }, plans: { type: "string" } },
      ...{ limit: { type: "string", default: "100000" }, agreement: { type: "string", default: "100" } },
      ...{
        journal: { type: "string" },
        out: { type: "string" },
        json: { type: "boolean" },
        clock: { type: "string", default: "wall" },
      },
    },
  });
  const known = [...PARTS, "speed"];
  const only = values.only?.split(",") ?? known;
  const wrong = only.find((part) => !known.includes(part));
  if (wrong !== undefined) throw new RangeError(`--only has "${wrong}", it may have ${known.join(", ")}`);
  const clock = clockName(values.clock);
  const data = values.data ?? shared("data/").pathname;
  const items = await readItems(data, whole("--limit", values.limit), whole("--agreement", values.agreement));
  const model = await TableModel.open(clock);
  const rows = await chosenRows(model, values.plans ?? here("docs/lazy/plans"), values.rows);
  const parts = PARTS.filter((part) => only.includes(part));
  const journal = new Journal<Answered>(values.journal ?? here(".bench/lazy-table.jsonl"), isAnswered);
  let asked: Asked;
  try {
    asked = await askAll({ model, rows, items, parts, data, journal, say });
  } finally {
    journal.close();
  }
  const speeds = only.includes("speed") ? await throughputOf(rows, CLOCKS[clock]) : [];
  const report: QualityReport = {
    ...{ date: new Date().toISOString().slice(0, 10), machine: machineName(), clock },
    versions: { deno: Deno.version.deno, v8: Deno.version.v8 },
    counts: Object.fromEntries(parts.map((part) => [part, countOf(part, items[part])])),
    ...(speeds.length > 0 && { budgetBytes: BUDGET_BYTES }),
    rows: rows.map((row, i) => qualityRow(row, items, asked, asked.get(rowKey(rows[0]!))!, speeds[i])),
  };
  const page = markdown(report);
  await saveReport(values.out ?? here("docs/lazy"), "table", page, report);
  await print(values.json ? JSON.stringify(report) : page);
}

function whole(option: string, value: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new RangeError(`${option} is ${value}, wanted is a whole number from 1`);
}

async function readItems(data: string, limit: number, long: number): Promise<Record<Part, Item[]>> {
  const pictures = (await readCaptions(`${data}/captions.jsonl`, `${data}/captions`)).slice(0, limit);
  const captions = pictures.map(({ file, captions }) => ({ file, questions: [], references: captions }));
  const files = new Set(pictures.map(({ file }) => file));
  const questions = async (name: string, folder: string) => {
    const byFile = Map.groupBy(await readQuestions(`${data}/${name}.jsonl`, `${data}/${folder}`), ({ file }) => file);
    return [...byFile].map(([file, list]): Item => ({
      file,
      questions: list.map(({ question }) => question),
      references: list.map(({ answer }) => answer),
    }));
  };
  return {
    captions,
    agreement: captions.slice(0, long),
    yesno: (await questions("yesno", "captions")).filter(({ file }) => files.has(file)),
    vqa: (await questions("easyvqa", "easyvqa")).slice(0, limit),
  };
}

const countOf = (part: Part, items: readonly Item[]) =>
  part === "yesno" || part === "vqa" ? items.reduce((sum, { questions }) => sum + questions.length, 0) : items.length;

async function chosenRows(model: TableModel, folder: string, wanted: string | undefined): Promise<TableRow[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(".json")) names.push(name);
  const files = await Promise.all(
    names.sort().map(async (name) => [name, await Deno.readTextFile(`${folder}/${name}`)] as const),
  );
  const { layers, tileTokens, textTokens, own } = model;
  const all = tableRows({ layers, tileTokens, textTokens, own, found: foundPlans(files, layers) });
  const texts = wanted?.split(";");
  // the dense row is what others are compared with
  const rows = texts ? all.filter(({ name }, i) => i === 0 || texts.some((text) => name.includes(text))) : all;
  if (rows.length > 1 || !texts) return rows;
  throw new RangeError(`--rows names none of: ${all.map(({ name }) => name).join("; ")}`);
}

function qualityRow(
  row: TableRow,
  items: Record<Part, Item[]>,
  asked: Asked,
  dense: Parameters<typeof scoresOf>[2],
  throughput: ThroughputRow | undefined,
): QualityRow {
  const answers = asked.get(rowKey(row))!;
  return {
    ...{ name: row.name, lazyLayers: lazyLayers(row.lazy).length, kv: row.kv, imageTokens: row.kept },
    ...{ ...costsOf(answers), ...scoresOf(items, answers, dense) },
    ...(throughput && { throughput }),
  };
}

/** Captions under the budget, all rows in turns. */
async function throughputOf(rows: readonly TableRow[], clock: Clock): Promise<ThroughputRow[]> {
  say("pictures a second under the budget");
  const lab = await Lab.open(NANO, 256, BUDGET_BYTES + (1 << 20), clock);
  const table = await measureThroughput(lab, {
    ...{ what: "nano", tiles: 1, budgetBytes: BUDGET_BYTES, answers: [MAX_TOKENS.caption], rounds: ROUNDS },
    combinations: rows.map(({ name, lazy, kv, kept }) => ({ plan: { name, lazy }, kv, kept })),
    ...{ tokens: await lab.imageTokens(), ...await encodeTimes(NANO, ROUNDS, clock) },
  });
  return [...table.rows];
}

if (import.meta.main) await main();
