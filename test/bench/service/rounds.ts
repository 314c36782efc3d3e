/** A workload at several numbers of requests at once, on all targets in turns. */
import { orderOf } from "../lazy/turns.ts";
import { median } from "../measure.ts";
import type { Answered, Target } from "./target.ts";
import type { Asked, Workload } from "./workloads.ts";

/** Requests at once. */
export const AT_ONCE = [1, 2, 4, 8] as const;

/** One target with so many requests at once: medians of the rounds, times in milliseconds. */
export interface Row {
  readonly target: string;
  readonly atOnce: number;
  /** From the question to the first piece of the answer; a median of all answers. */
  readonly firstMs: number;
  /** Between an answer's tokens, on average; a median of all answers. */
  readonly perTokenMs: number;
  /** All requests of a run: what passed, and what the target's process computed. */
  readonly wallMs: number;
  readonly cpuMs: number | undefined;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** A workload's rows. */
export interface WorkloadTable {
  readonly name: string;
  readonly about: string;
  readonly requests: number;
  readonly rows: readonly Row[];
}

interface Run {
  readonly answers: readonly Answered[];
  readonly wallMs: number;
  readonly cpuMs: number | undefined;
}

/**
 * Measures a workload; every answer of every run must be that of the first run, in which the first target was asked one
 * question after another.
 *
 * @throws {Error} showing the answer that differs.
 */
export async function measureWorkload(
  workload: Workload,
  targets: readonly Target[],
  rounds: number,
): Promise<WorkloadTable> {
  const points = AT_ONCE.flatMap((atOnce) => targets.map((target) => ({ target, atOnce, runs: [] as Run[] })));
  let number = 0;
  let wanted: readonly Answered[] | undefined;
  // the first round is for the engine to compile what is hot
  for (let round = -1; round < rounds; round++) {
    const order = round < 0 ? points.keys() : orderOf(points.length, round);
    for (const i of order) {
      const { target, atOnce, runs } = points[i]!;
      number++;
      await Promise.all(workload.before?.(number).map((asked) => target.ask(asked)) ?? []);
      const run = await runAll(target, workload.requests(number), atOnce);
      wanted ??= run.answers;
      checkEqual(workload.name, `${target.name}, ${atOnce} at once`, run.answers, wanted);
      if (round >= 0) runs.push(run);
    }
  }
  const rows = points.map(({ target, atOnce, runs }) => rowOf(target.name, atOnce, runs));
  return { name: workload.name, about: workload.about, requests: wanted!.length, rows };
}

/** Asks everything; whoever has an answer asks the next question, as many at a time as are told. */
export async function runAll(target: Target, requests: readonly Asked[], atOnce: number): Promise<Run> {
  const answers: Answered[] = [];
  const next = requests.entries();
  const client = async () => {
    for (const [i, asked] of next) answers[i] = await target.ask(asked);
  };
  const [cpu, started] = [await target.cpuMs(), performance.now()];
  await Promise.all(Array.from({ length: atOnce }, client));
  const wallMs = performance.now() - started;
  const cpuEnd = await target.cpuMs();
  return { answers, wallMs, cpuMs: cpu === undefined || cpuEnd === undefined ? undefined : cpuEnd - cpu };
}

/** @throws {Error} showing the first answer that is not the wanted one. */
export function checkEqual(
  workload: string,
  where: string,
  got: readonly Pick<Answered, "text" | "completionTokens">[],
  wanted: readonly Pick<Answered, "text" | "completionTokens">[],
): void {
  for (const [i, { text, completionTokens }] of got.entries()) {
    const other = wanted[i];
    if (text === other?.text && completionTokens === other.completionTokens) continue;
    throw new Error(
      `${workload}, request ${i}, ${where}: got "${text}" (${completionTokens} tokens), alone it was "${other?.text}" ` +
        `(${other?.completionTokens})`,
    );
  }
}

function rowOf(target: string, atOnce: number, runs: readonly Run[]): Row {
  const answers = runs.flatMap((run) => run.answers);
  const sum = (key: "completionTokens" | "cachedTokens") =>
    median(runs.map((run) => run.answers.reduce((total, answer) => total + answer[key], 0)));
  const cpu = runs.flatMap(({ cpuMs }) => cpuMs === undefined ? [] : [cpuMs]);
  return {
    ...{ target, atOnce },
    firstMs: median(answers.map(({ firstMs }) => firstMs)),
    perTokenMs: median(answers.map((a) => (a.totalMs - a.firstMs) / Math.max(1, a.completionTokens - 1))),
    wallMs: median(runs.map(({ wallMs }) => wallMs)),
    cpuMs: cpu.length === 0 ? undefined : median(cpu),
    completionTokens: sum("completionTokens"),
    cachedTokens: sum("cachedTokens"),
  };
}
