/** What fuzzing has come to, over all runs. */
import type { Outcome } from "./engine/outcome.ts";

export interface Row {
  readonly name: string;
  readonly executions: number;
  readonly cpuSeconds: number;
  readonly covered: number;
  readonly edges: number;
  readonly corpus: number;
  readonly findings: number;
}

export interface FuzzReport {
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
}

/** A row with another run added: executions and time add up, what was reached is the most that one run has. */
export function added(row: Row | undefined, name: string, { findings, ...run }: Outcome): Row {
  return {
    name,
    executions: (row?.executions ?? 0) + run.executions,
    cpuSeconds: (row?.cpuSeconds ?? 0) + run.cpuSeconds,
    covered: Math.max(row?.covered ?? 0, run.covered),
    edges: run.edges,
    corpus: Math.max(row?.corpus ?? 0, run.corpus),
    findings: (row?.findings ?? 0) + findings.length,
  };
}

export function line({ name, executions, cpuSeconds, covered, edges, corpus, findings }: Row): string {
  const branches = edges === 0 ? "not counted" : `${covered} of ${edges}`;
  const rate = Math.round(executions / cpuSeconds);
  return `| ${name} | ${executions} | ${cpuSeconds.toFixed(1)} | ${rate} | ${branches} | ${corpus} | ${findings} |`;
}

export const HEAD = "| target | executions | CPU s | executions/CPU s | branches | corpus | findings |\n" +
  "| --- | --- | --- | --- | --- | --- | --- |";

export function markdown({ date, machine, rows }: FuzzReport): string {
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const [total, hours] = [sum((row) => row.executions), sum((row) => row.cpuSeconds) / 3600];
  return [
    "# Fuzzing",
    "",
    `Printed by \`deno task fuzz --write\`, which adds a run to those before; the last one on ${date}. Machine: ${machine}. ` +
    "One process at a time.",
    "",
    `In all ${total} executions in ${
      hours.toFixed(2)
    } hours of a processor. Findings of runs before the first that is ` +
    "counted here became tests; a finding that is counted here is open.",
    "",
    HEAD,
    ...rows.map(line),
    "",
  ].join("\n");
}
