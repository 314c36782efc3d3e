/** The fuzzer itself: it counts branches without changing a program, comes to what only guidance finds, and ends what hangs. */
import assert from "node:assert/strict";
import { stop } from "npm:esbuild@0.28.2";
import { Random } from "../../sdk/generate/random.ts";
import { instrument } from "./engine/instrument.ts";
import { Mutator } from "./engine/mutate.ts";
import { runTarget } from "./engine/run.ts";
import { readProgress } from "./engine/rust.ts";
import { added, type FuzzReport, markdown } from "./report.ts";
import { taken, Taker } from "./taker.ts";

const PROGRAM = `
export const pick = (a, b) => a ? b ?? { none: true } : b || "else";
export function walk(list) {
  let text = "";
  for (const item of list) if (item > 2) continue; else text += item;
  for (let i = 0; i < 2; i++) text += i;
  switch (list.length) { case 0: return "empty"; case 3: { text += "three"; } default: text += "!"; }
  try { if (text === "0!") throw new Error(text); } catch (error) { return error.message; }
  return text;
}
export class Box { #v = 1; get v() { return this.#v; } static of = async () => (await 1, new Box()); }
export const later = async (x) => { do x--; while (x > 0) return x; };
`;

type Exports = {
  pick: (a: unknown, b: unknown) => unknown;
  walk: (list: number[]) => string;
  Box: { of(): Promise<{ v: number }> };
  later: (x: number) => Promise<number>;
};

async function loaded(code: string): Promise<Exports> {
  return await import(`data:text/javascript,${encodeURIComponent(code)}`);
}

async function results({ pick, walk, Box, later }: Exports): Promise<unknown[]> {
  const picked = [pick(1, 2), pick(1, null), pick(0, 0), pick(0, 3)];
  return [...picked, ...[[], [1, 2, 3], [5, 1]].map(walk), (await Box.of()).v, await later(3)];
}

Deno.test("instrument() counts every branch and leaves a program's results as they are", async () => {
  const { code, edges, constants } = instrument(PROGRAM);
  const counters = new Uint8Array(edges);
  (globalThis as unknown as { fuzzEdges: Uint8Array }).fuzzEdges = counters;
  const counted = await loaded(code);
  assert.deepEqual(await results(counted), await results(await loaded(PROGRAM)));
  assert.ok(edges >= 20 && counters.filter((n) => n > 0).length > edges * 0.8, `${counters}`);
  counters.fill(0);
  counted.walk([]);
  const empty = counters.slice();
  counters.fill(0);
  counted.walk([1]);
  assert.notDeepEqual(counters, empty, "another way through the program");
  assert.ok(constants.has("three") && constants.has(2));
});

Deno.test("Mutator gives the same inputs for a seed, others for another, and none that is too long", () => {
  const inputs = (seed: number) => {
    const mutator = new Mutator(new Random(seed), [Uint8Array.of(7, 7, 7)], 40);
    let input: Uint8Array = Uint8Array.from({ length: 20 }, (_, i) => i);
    return Array.from({ length: 500 }, () => input = mutator.mutated(input, Uint8Array.of(1, 2, 3)));
  };
  assert.deepEqual(inputs(1), inputs(1));
  assert.notDeepEqual(inputs(1), inputs(2));
  assert.ok(inputs(3).every(({ length }) => length <= 40));
  assert.ok(new Set(inputs(4).map(String)).size > 300);
});

Deno.test("runTarget() finds a word that is compared letter by letter, by the branches on the way", async () => {
  const planted = new URL("planted/word.ts", import.meta.url);
  const { findings, executions, corpus } = await runTarget(planted, { seed: 1, runs: 400_000, seconds: Infinity });
  assert.equal(findings.length, 1, `nothing in ${executions} executions`);
  assert.match(findings[0]!.what, /RangeError: the word/);
  assert.deepEqual([...findings[0]!.input.slice(0, 4)], [102, 117, 122, 207]);
  // one input in 2^32 would do without
  assert.ok(corpus >= 4);
  await stop();
});

Deno.test("runTarget() ends a target that hangs, and gives the input", async () => {
  const planted = new URL("planted/loop.ts", import.meta.url);
  const { findings } = await runTarget(planted, { seed: 1, runs: 10, seconds: Infinity, hangSeconds: 1 });
  assert.match(findings[0]!.what, /^hang/);
  assert.deepEqual(findings[0]!.input, Uint8Array.of(0, 9));
  await stop();
});

Deno.test("Taker reads what taken() writes, and nothing where nothing is left", () => {
  const taker = new Taker(taken(3, "häl\0lo", 250, ""));
  assert.deepEqual([taker.byte(), taker.text(), taker.below(100), taker.text()], [3, "häl\0lo", 50, ""]);
  assert.deepEqual([taker.left, taker.byte(), taker.text(), taker.rest()], [0, 0, "", new Uint8Array(0)]);
});

Deno.test("readProgress() reads libFuzzer's own words", () => {
  const log = "INFO: Loaded 1 modules   (4711 inline 8-bit counters): 4711 [0x1, 0x2),\n" +
    "#2\tINITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 40Mb\n#999\tNEW    cov: 42 ft: 99 corp: 17/3Kb lim: 9 exec/s: 3\n" +
    "stat::number_of_executed_units: 12345\nstat::average_exec_per_sec:     6\n" +
    "0m0.003s 0m0.002s\n1m2.500s 0m1.250s\n";
  assert.deepEqual(readProgress(log), { executions: 12345, cpuSeconds: 63.75, covered: 42, edges: 4711, corpus: 17 });
});

Deno.test("the page adds runs up and keeps the most that one has reached", () => {
  const run = { executions: 100, cpuSeconds: 2, covered: 5, edges: 9, corpus: 4, findings: [] };
  const row = added(added(undefined, "a", run), "a", { ...run, executions: 300, covered: 3, cpuSeconds: 6 });
  const report: FuzzReport = {
    date: "2026-01-02",
    machine: "M",
    rows: [row, added(undefined, "b", { ...run, edges: 0 })],
  };
  const page = markdown(report);
  assert.match(page, /\| a \| 400 \| 8\.0 \| 50 \| 5 of 9 \| 4 \| 0 \|/);
  assert.match(page, /\| b \| 100 \| 2\.0 \| 50 \| not counted \| 4 \| 0 \|/);
  assert.match(page, /In all 500 executions in 0\.00 hours of a processor/);
});
