/** What `deno task storm` prints and writes. */
import type { StormResult } from "./storm.ts";

/** One runtime's storm. */
export interface StormRun extends StormResult {
  readonly runtime: string;
  readonly requests: number;
  readonly seed: number;
  readonly seconds: number;
}

export interface StormPage {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly runs: readonly StormRun[];
}

const mb = (bytes: number | undefined) => bytes === undefined ? "not told here" : `${(bytes / 1e6).toFixed(2)} MB`;
const sum = (record: Readonly<Record<string, number>>, of: (key: string) => boolean) =>
  Object.entries(record).reduce((total, [key, n]) => total + (of(key) ? n : 0), 0);

/** Growth from one number to another, in per cent. */
function growth(from: number | undefined, to: number | undefined): string {
  return from === undefined || to === undefined ? "not told here" : `${((to / from - 1) * 100).toFixed(2)} %`;
}

/** The runs as Markdown. */
export function markdown({ date, machine, versions, runs }: StormPage): string {
  const row = (name: string, cell: (run: StormRun) => string | number) => `| ${name} | ${runs.map(cell).join(" | ")} |`;
  return [
    "# A storm of requests",
    "",
    `Printed by \`deno task storm\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
    "The service with a small seeded model, 8 clients at once, 4 answers computed together. Every answer was held " +
    "against the one that a captioner of another process gives alone, without a cache: the text, the reason of its end, " +
    "log probabilities, numbers of tokens. Afterwards every question was asked once more, one after another.",
    "",
    row("storm", ({ runtime }) => runtime),
    `| --- |${" --- |".repeat(runs.length)}`,
    row("requests; seed", ({ requests, seed }) => `${requests}; ${seed}`),
    row("right, and stayed for the answer", ({ kinds }) => sum(kinds, (kind) => !/^(wrong|left)/.test(kind))),
    row("wrong", ({ kinds }) => sum(kinds, (kind) => kind.startsWith("wrong"))),
    row("left before the end", ({ kinds }) => sum(kinds, (kind) => kind.startsWith("left"))),
    row("answers equal to the one made alone", (run) => run.equal),
    row("found no place and asked again", ({ again }) => again),
    row("answers by status", ({ statuses }) => Object.entries(statuses).map(([s, n]) => `${s}: ${n}`).join(", ")),
    row("failures", ({ failures }) => failures.length),
    row("seconds", ({ seconds }) => seconds.toFixed(0)),
    ...["", "## Memory", ""],
    "After the engine was made to collect (its inspector's `HeapProfiler.collectGarbage`): its heap, what objects hold " +
    "outside of it, and the process.",
    ...["", "| storm | requests | heap | outside of it | resident |", "| --- | --- | --- | --- | --- |"],
    ...runs.flatMap(({ runtime, looks }) => [
      ...looks.map(({ requests, heap, residentBytes }) =>
        `| ${runtime} | ${requests} | ${mb(heap.usedBytes)} | ${mb(heap.backingBytes)} | ${mb(residentBytes)} |`
      ),
      ...(looks.length < 2 ? [] : [growthRow(runtime, looks.at(-2)!, looks.at(-1)!)]),
    ]),
    ...["", "## Requests by kind", ""],
    row("kind", ({ runtime }) => runtime),
    `| --- |${" --- |".repeat(runs.length)}`,
    ...[...new Set(runs.flatMap(({ kinds }) => Object.keys(kinds)))].sort().map((kind) =>
      row(kind, ({ kinds }) => kinds[kind] ?? 0)
    ),
    "",
  ].join("\n");
}

function growthRow(runtime: string, from: StormRun["looks"][number], to: StormRun["looks"][number]): string {
  const cells = [
    growth(from.heap.usedBytes, to.heap.usedBytes),
    growth(from.heap.backingBytes, to.heap.backingBytes),
    growth(from.residentBytes, to.residentBytes),
  ];
  return `| ${runtime} | growth from ${from.requests} to ${to.requests} | ${cells.join(" | ")} |`;
}
