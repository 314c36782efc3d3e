/** What `deno task bench:service` prints and writes. */
import { barChart } from "../chart.ts";
import type { ColdStart } from "./cold.ts";
import type { Row, WorkloadTable } from "./rounds.ts";
import type { StepProfile } from "./steps.ts";

/** Everything that one run measured. */
export interface ServiceReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly conversations: number;
  readonly contextTokens: number;
  readonly rounds: number;
  readonly workloads: readonly WorkloadTable[];
  readonly steps: readonly StepProfile[];
  readonly cold: ColdStart;
  /** The server's process at its most, in bytes: after each workload; undefined where the system does not tell. */
  readonly peakBytes: readonly (number | undefined)[];
}

/** What throughput with 8 requests at once is to be, beside that of one after another. */
export const GOAL = 2.5;

/** Throughput beside that of one request after another on the same target. */
export interface Gain {
  readonly wall: number;
  /** By the processor's time; undefined where that is not known. */
  readonly cpu: number | undefined;
}

/** @throws {RangeError} if the target was not measured with one request at a time. */
export function gainOf(rows: readonly Row[], { target, atOnce }: Pick<Row, "target" | "atOnce">): Gain {
  const find = (n: number) => rows.find((row) => row.target === target && row.atOnce === n);
  const [row, one] = [find(atOnce), find(1)];
  if (!row || !one) throw new RangeError(`${target} was not measured with ${atOnce} requests at once, or not with one`);
  const cpu = row.cpuMs === undefined || one.cpuMs === undefined ? undefined : one.cpuMs / row.cpuMs;
  return { wall: one.wallMs / row.wallMs, cpu };
}

const mib = (bytes: number | undefined) =>
  bytes === undefined ? "not told here" : `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const number = (value: number | undefined, digits: number) => value === undefined ? "" : value.toFixed(digits);
const perSecond = (count: number, ms: number | undefined) => ms === undefined ? undefined : count / ms * 1000;

/** The run as Markdown. */
export function markdown(report: ServiceReport): string {
  const { date, machine, versions, conversations, contextTokens, rounds, workloads, cold, peakBytes } = report;
  return [
    "# The service, measured",
    "",
    `Printed by \`deno task bench:service\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
    `The embedded model, ${conversations} conversations of ${contextTokens} tokens. The server is a process of its own ` +
    'and computes on one thread; all clients are in another process, on one event loop. "Captioner alone" is the same ' +
    "without HTTP, in the clients' process, in turns with it. " +
    `Medians of ${rounds} rounds in turns. Every answer of every run was compared with the one made alone, and was equal.`,
    "",
    "First text: from the question to the first piece of the answer. Throughput counts all requests of a run, by the " +
    "time that passed and by the processor's time that the server's process took, which other work on the machine " +
    "changes less. A gain is throughput beside one request after another.",
    ...workloads.flatMap(workloadPage),
    ...["", `## 8 requests at once beside one after another (the goal is ${GOAL})`, ""],
    "By the clock, by processor time; then the processor time of a request over HTTP beside that of the captioner alone.",
    ...["", "| workload | HTTP | by processor | alone | by processor | HTTP : alone, 1 at once | 8 at once | goal |"],
    ...["| --- | --- | --- | --- | --- | --- | --- | --- |"],
    ...workloads.map(summaryRow),
    ...stepsPage(report.steps),
    ...["", "## Cold start", "", "A process that has done nothing yet; the first request is a caption.", ""],
    ...["| what | |", "| --- | --- |"],
    `| listens, the model loaded, ms | ${cold.listensMs.toFixed(0)} |`,
    `| first text of the first caption, ms | ${cold.firstMs.toFixed(0)} |`,
    `| its end, ms | ${cold.totalMs.toFixed(0)} |`,
    ...["", "## Memory", "", "The server's process, resident at most.", "", "| when | |", "| --- | --- |"],
    `| it listens | ${mib(cold.idleBytes)} |`,
    `| after one caption | ${mib(cold.usedBytes)} |`,
    ...workloads.map(({ name }, i) =>
      `| after ${workloads.slice(0, i).map((w) => `${w.name}, `).join("")}${name} | ${mib(peakBytes[i])} |`
    ),
    ...["", "![throughput by requests at once](service.svg)", ""],
  ].join("\n");
}

function summaryRow({ name, rows }: WorkloadTable): string {
  const [http, alone] = [...new Set(rows.map(({ target }) => target))];
  const gains = [http!, alone!].map((target) => gainOf(rows, { target, atOnce: 8 }));
  const share = (atOnce: number) => {
    const [over, without] = [http, alone].map((target) =>
      rows.find((row) => row.target === target && row.atOnce === atOnce)!.cpuMs
    );
    return over === undefined || without === undefined ? "" : (over / without).toFixed(2);
  };
  const reached = (gains[0]!.cpu ?? gains[0]!.wall) >= GOAL ? "reached" : "not reached";
  const cells = [...gains.flatMap(({ wall, cpu }) => [wall.toFixed(2), number(cpu, 2)]), share(1), share(8), reached];
  return `| ${[name, ...cells].join(" | ")} |`;
}

function workloadPage({ name, about, requests, rows }: WorkloadTable): string[] {
  return [
    ...["", `## ${name}`, "", `${requests} requests: ${about}.`, ""],
    "| target | at once | first text, ms | a token, ms | tokens/s | requests/s | gain | requests/s of processor | gain " +
    "| cached tokens |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map((row) => {
      const { wall, cpu } = gainOf(rows, row);
      const { wallMs, cpuMs, completionTokens } = row;
      const cells = [
        ...[row.target, row.atOnce, row.firstMs.toFixed(0), row.perTokenMs.toFixed(2)],
        ...[number(perSecond(completionTokens, wallMs), 0), number(perSecond(requests, wallMs), 2), wall.toFixed(2)],
        ...[number(perSecond(requests, cpuMs), 2), number(cpu, 2), row.cachedTokens],
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

function stepsPage(steps: readonly StepProfile[]): string[] {
  const names = Object.entries(steps.at(-1)!.ms).filter(([, ms]) => ms >= 0.01).map(([name]) => name);
  const row = (name: string, cells: readonly string[]) => `| ${name} | ${cells.join(" | ")} |`;
  return [
    ...[
      "",
      "## A decode step",
      "",
      "Milliseconds by operation, of the networks alone; `other` passes between them.",
      "",
    ],
    row("conversations", steps.map(({ conversations }) => String(conversations))),
    row("---", steps.map(() => "---")),
    ...names.map((name) => row(name, steps.map(({ ms }) => number(ms[name], 2)))),
    row("all", steps.map(({ stepMs }) => stepMs.toFixed(2))),
    row("all, for each token", steps.map(({ stepMs, conversations }) => (stepMs / conversations).toFixed(2))),
  ];
}

/** Throughput over HTTP by requests at once; the outline is {@link GOAL} times that of one after another. */
export function chart({ date, workloads }: ServiceReport): string {
  const bars = workloads.flatMap(({ name, requests, rows }) => {
    const target = rows[0]!.target;
    return rows.filter((row) => row.target === target).map((row) => {
      const gain = gainOf(rows, row).wall;
      const label = `${gain.toFixed(2)} x, ${perSecond(requests, row.wallMs)!.toFixed(2)} requests/s`;
      return { name: `${name}, ${row.atOnce} at once`, value: gain, outline: row.atOnce === 8 ? GOAL : 0, label };
    });
  });
  return barChart(`Throughput beside one request after another, ${date}`, bars);
}
