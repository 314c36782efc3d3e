/**
 * A calibration as a page of Markdown.
 *
 * @module
 */
import type { Calibration, CalibrationRow, PlanResult } from "./calibrate.ts";
import { lazyLayers } from "./lazy/plan.ts";

/** What was calibrated, and how. */
export interface CalibrationFacts {
  /** The model's name, for the heading. */
  readonly model: string;
  /** What computed, such as "wasm-relaxed". */
  readonly backend: string;
  /** Asked of every picture. */
  readonly question: string;
  /** How many pictures the divergence profile is the mean of. */
  readonly profilePictures: number;
  /** How many pictures plans were judged on. */
  readonly heldOut: number;
}

/**
 * A calibration as a page of Markdown: what was measured, the table of planner x mode x lazy layers, and the best plan. The best
 * plan's row is bold.
 *
 * @param command That prints it.
 */
export function calibrationPage(calibration: Calibration, facts: CalibrationFacts, command: string): string {
  const { dense, rows, best } = calibration;
  const { model, backend, question, profilePictures, heldOut } = facts;
  return `# Plans for ${model}

The divergence profile is the mean of ${profilePictures} pictures. Plans were judged on ${heldOut} other pictures, by how
they follow the dense model's own greedy answers to "${question}" (teacher forcing): mean Kullback-Leibler divergence
of the next token's distribution from the dense model's, and share of tokens at which both would choose the same one.
KV bytes are those that a prompt has in the f16 cache, from the cache itself. Times are the dense model's
on ${backend}, and of the others the ratio to it, taken in turns.

| planner | mode | lazy layers | KL, nats | same token, % | KV bytes | saved, % | prefill | forced token |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${line("dense", "", "none", dense, dense)}
${rows.map((row) => rowLine(row, dense, row === best)).join("\n")}

The best plan is the one with the least KL of those in mode \`${best.plan.mode}\` with ${best.lazyLayers} lazy layers, the
most that were asked: \`${JSON.stringify({ anchor: best.plan.anchor, mode: best.plan.mode })}\` (${best.planner}).

Printed by

\`\`\`sh
${command}
\`\`\`
`;
}

function rowLine(row: CalibrationRow, dense: PlanResult, best: boolean): string {
  const { planner, plan, lazyLayers: count } = row;
  const layers = `${count}: ${ranges(lazyLayers(plan))}`;
  return line(best ? `**${planner}**` : planner, plan.mode, layers, row, dense);
}

function line(
  planner: string,
  mode: string,
  layers: string,
  result: PlanResult,
  dense: PlanResult,
): string {
  const { measure: m, times } = result;
  const saved = 100 * (1 - m.kvBytes / dense.measure.kvBytes);
  const numbers = [
    m.kl.toFixed(4),
    (100 * m.equalShare).toFixed(1),
    Math.round(m.kvBytes).toLocaleString("en"),
    saved.toFixed(1),
    // milliseconds of different minutes on a busy machine cannot be compared, ratios can
    dense === result ? `${times.prefillMs.toFixed(1)} ms` : times.prefillRatio.toFixed(2),
    dense === result ? `${times.forcedTokenMs.toFixed(2)} ms` : times.forcedRatio.toFixed(2),
  ];
  return `| ${[planner, mode, layers, ...numbers].join(" | ")} |`;
}

/** Ascending layers in few characters: `2-5, 7`. */
function ranges(layers: readonly number[]): string {
  const runs: number[][] = [];
  for (const layer of layers) {
    const run = runs.at(-1);
    if (run?.at(-1) === layer - 1) run.push(layer);
    else runs.push([layer]);
  }
  return runs.map((run) => run.length > 1 ? `${run[0]}-${run.at(-1)}` : `${run[0]}`).join(", ");
}
