/**
 * Runs targets on inputs made by chance, guided by the branches that they reach, and says what was found.
 * Usage: deno task fuzz [--target NAME,...] [--seconds N] [--runs N] [--seed S] [--out DIR] [--write]
 * A target's name, or "rust" or "typescript" for all of a kind; budgets are a target's. Inputs that fail are written into DIR
 * (.bench/fuzz/found), and the exit status is 1. --write adds the run to docs/bench/fuzz.md.
 */
import { parseArgs } from "node:util";
import { stop } from "npm:esbuild@0.28.2";
import { BENCH_FOLDER, machineName, saveReport } from "../bench/report.ts";
import { type AnyTarget, rustTargets, typescriptTargets } from "./all_targets.ts";
import type { Outcome } from "./engine/outcome.ts";
import { added, type FuzzReport, HEAD, line, markdown, type Row } from "./report.ts";

const FOUND = new URL("../../.bench/fuzz/found", import.meta.url).pathname;
const print = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));

/** A whole number of at least one, or no bound. */
function bound(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is "${text}", it must be 1 or more`);
  return value;
}

function chosen(all: readonly AnyTarget[], names: string | undefined): AnyTarget[] {
  if (names === undefined) return [...all];
  return names.split(",").flatMap((name) => {
    const targets = all.filter((target) => target.name === name || target.language.toLowerCase() === name);
    if (targets.length > 0) return targets;
    throw new Error(`there is no target "${name}"; there are ${all.map((target) => target.name).join(", ")}`);
  });
}

async function saveFindings(folder: string, name: string, { findings }: Outcome): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [i, { what, input }] of findings.entries()) {
    const path = `${folder}/${name.replace("/", "-")}-${i}`;
    await Deno.writeFile(path, input);
    print(`${path} (${input.length} bytes): ${what}`);
  }
}

async function readRows(): Promise<Row[]> {
  try {
    return JSON.parse(await Deno.readTextFile(`${BENCH_FOLDER}/fuzz.json`)).rows;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      seconds: { type: "string" },
      runs: { type: "string" },
      seed: { type: "string", default: "1" },
      out: { type: "string", default: FOUND },
      write: { type: "boolean", default: false },
    },
  });
  const runs = bound("runs", values.runs, Infinity);
  const seconds = bound("seconds", values.seconds, values.runs === undefined ? 10 : Infinity);
  const budget = { seed: bound("seed", values.seed, 1), runs, seconds };
  const all = [...await rustTargets(), ...typescriptTargets()];
  let found = 0;
  print(HEAD);
  for (const { name, run } of chosen(all, values.target)) {
    const outcome = await run(budget);
    print(line(added(undefined, name, outcome)));
    found += outcome.findings.length;
    await saveFindings(values.out, name, outcome);
    if (!values.write) continue;
    const rows = new Map((await readRows()).map((row) => [row.name, row]));
    rows.set(name, added(rows.get(name), name, outcome));
    const ordered = all.flatMap((target) => rows.get(target.name) ?? []);
    const report: FuzzReport = { date: new Date().toISOString().slice(0, 10), machine: machineName(), rows: ordered };
    await saveReport(undefined, "fuzz", markdown(report), report);
  }
  await stop();
  return found > 0 ? 1 : 0;
}

Deno.exit(await main());
