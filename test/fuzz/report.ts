/** What fuzzing has come to, over all runs. */
import type { Outcome } from "./engine/outcome.ts";

export interface Row {
  readonly name: string;
  readonly executions: number;
  /** Of wall-clock time. */
  readonly seconds: number;
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
    seconds: (row?.seconds ?? 0) + run.seconds,
    covered: Math.max(row?.covered ?? 0, run.covered),
    edges: run.edges,
    corpus: Math.max(row?.corpus ?? 0, run.corpus),
    findings: (row?.findings ?? 0) + findings.length,
  };
}

export function line({ name, executions, seconds, covered, edges, corpus, findings }: Row): string {
  const branches = edges === 0 ? "not counted" : `${covered} of ${edges}`;
  const rate = Math.round(executions / seconds);
  return `| ${name} | ${executions} | ${seconds.toFixed(0)} | ${rate} | ${branches} | ${corpus} | ${findings} |`;
}

export const HEAD = "| target | executions | s | executions/s | branches | corpus | findings |\n" +
  "| --- | --- | --- | --- | --- | --- | --- |";

export function markdown({ date, machine, rows }: FuzzReport): string {
  const sum = (of: (row: Row) => number) => rows.reduce((total, row) => total + of(row), 0);
  const total = sum((row) => row.executions);
  return [
    "# Fuzzing",
    "",
    `Printed by \`deno task fuzz --write\`, which adds a run to those before; the last one on ${date}. Machine: ${machine}. ` +
    "One process at a time; seconds are of the wall clock, on a machine that had other work besides.",
    "",
    `In all ${total} executions in ${
      (sum((row) => row.seconds) / 3600).toFixed(2)
    } hours. Findings of runs before the ` +
    "first that is counted here became tests; a finding that is counted here is open.",
    "",
    HEAD,
    ...rows.map(line),
    "",
  ].join("\n");
}
