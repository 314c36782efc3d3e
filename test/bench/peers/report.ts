import { barChart } from "../chart.ts";
import type { Measured } from "./compare.ts";
import type { Ratio } from "./ratios.ts";

/** Everything that one run against the peers measured. */
export interface PeersReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Record<string, string>;
  readonly goals: readonly Ratio[];
  readonly results: readonly Measured[];
}

/** The run as Markdown: every number, then the ratios beside their goals. */
export function markdown(report: PeersReport): string {
  const versions = Object.entries(report.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return [
    "# Beside other engines",
    "",
    `Printed by \`deno task bench:peers\` on ${report.date}. Machine: ${report.machine}. ${versions}. ` +
    "One thread each, the same files, in turns; medians.",
    "",
    "| what | engine | a second |",
    "| --- | --- | --- |",
    ...report.results.map((m) => `| ${m.what} | ${m.engine} | ${m.value.toPrecision(3)} ${m.unit} |`),
    "",
    "## Ratios",
    "",
    "| ours over theirs | value | goal |",
    "| --- | --- | --- |",
    ...report.goals.map((r) => `| ${r.name} | ${r.value.toFixed(2)} | ${r.target ?? ""} |`),
    "",
    "![ratios against goals](peers.svg)",
    "",
  ].join("\n");
}

/** Each ratio that has a goal as a part of it: a bar that leaves its outline has more than was asked. */
export function chart(report: PeersReport): string {
  return barChart(
    `Ours over theirs, within the goal, ${report.date}`,
    report.goals.flatMap(({ name, value, target }) =>
      target === undefined ? [] : [{
        name: name.replaceAll("_", " "),
        value: value / target,
        outline: 1,
        label: `${value.toFixed(2)}, goal ${target}`,
      }]
    ),
  );
}
