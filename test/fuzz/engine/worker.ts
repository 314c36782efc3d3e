/** One target in a thread of its own, so that one that hangs can be ended from outside. */
import { writeFile } from "node:fs/promises";
import { fuzz } from "./fuzzer.ts";
import type { Outcome, Progress } from "./outcome.ts";

/** What a worker is told. */
export interface Job {
  /** The target's module with counters, where it goes before it is imported; none for one that runs as it is. */
  readonly module: { readonly path: string; readonly code: string } | undefined;
  /** The target's own module. */
  readonly entry: string;
  readonly edges: number;
  readonly constants: ReadonlySet<string | number>;
  readonly seed: number;
  readonly runs: number;
  readonly seconds: number;
  /** The input that is being run: its length, then its bytes. */
  readonly current: SharedArrayBuffer;
}

export type Message = { readonly progress: Progress } | { readonly outcome: Outcome } | { readonly failed: string };

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Job>) => void;
  postMessage: (message: Message) => void;
  fuzzEdges: Uint8Array;
};

async function run({ module, entry, edges, constants, current, ...budget }: Job): Promise<Outcome> {
  const counters = scope.fuzzEdges = new Uint8Array(Math.ceil(edges / 8) * 8);
  if (module) await writeFile(module.path, module.code);
  const { target } = await import(module ? `file://${module.path}` : entry);
  const [length, bytes] = [new Int32Array(current, 0, 1), new Uint8Array(current, 4)];
  return await fuzz(target, { edges: counters, constants }, budget, (input) => {
    bytes.set(input.subarray(0, bytes.length));
    Atomics.store(length, 0, Math.min(input.length, bytes.length));
  }, (progress) => scope.postMessage({ progress }));
}

scope.onmessage = ({ data }) => {
  run(data).then(
    (outcome) => scope.postMessage({ outcome }),
    (error) => scope.postMessage({ failed: error instanceof Error ? error.stack ?? error.message : String(error) }),
  );
};
