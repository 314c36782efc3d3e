import { openProbe, type Probe } from "../../sdk/probe.ts";
import type { Arguments } from "./args.ts";
import { closeFiles, modelFiles } from "./model.ts";
import { defined } from "./open.ts";
import { Progress } from "./terminal.ts";
import { UsageError } from "./values.ts";

/** Loads the model that the command line names, to try plans on it: greedily, with one tile a picture. */
export async function openProbeOf(args: Arguments, signal: AbortSignal): Promise<Probe> {
  const { memoryBudget, weights, contextTokens, backend, kernels: build } = args;
  const started = performance.now();
  const files = await modelFiles(args);
  const progress = new Progress();
  try {
    // the files are closed as soon as all is loaded
    const options = {
      ...defined({ memoryBudget, weights, contextTokens, backend, build }),
      visionWeights: "resident" as const,
    };
    const probe = await openProbe({ ...files, ...options, onProgress: progress.update, signal });
    const loadMs = performance.now() - started;
    progress.done(`loaded ${files.text[0]!.name} in ${loadMs.toFixed(0)} ms (${probe.backend})`);
    return probe;
  } finally {
    await closeFiles(files);
  }
}

/** @throws {UsageError} for an option that was given and would be of no effect. */
export function refuse(args: Arguments, command: string, names: readonly (keyof Arguments)[]): void {
  const given = names.find((name) => args[name] !== undefined);
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new UsageError(`--${option} is of no effect on ${command}; leave it out`);
}
