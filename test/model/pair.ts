import type { Backend } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { assemble, type Assembled, type AssembleOptions, planModel } from "../../sdk/model/assemble.ts";
import type { LazyOption } from "../../sdk/lazy/option.ts";
import { checkPair } from "../../sdk/model/pair.ts";
import { loadWeights } from "../../sdk/model/weights.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";

/** What can compute a pair. */
export interface Computer {
  readonly name: string;
  /** How far results with kept probabilities may be off those without, in parts of the logits' spread; 0: the same bits. */
  readonly keptBound: number;
  open(memoryBudget: number): Promise<Backend>;
}

/** A build of the kernels. */
export function onWasm(build: KernelBuild): Computer {
  return {
    name: build,
    keptBound: 0,
    open: async (memoryBudget) => await WasmBackend.create(await packagedKernels(build), build, memoryBudget),
  };
}

/** A pair of files, assembled and loaded. */
export async function openPair(
  on: KernelBuild | Computer,
  text: URL,
  vision: URL,
  options: Partial<AssembleOptions> & { lazy?: LazyOption } = {},
): Promise<Assembled> {
  const sources = await Promise.all(
    [text, vision].map(async (url) => bytesSource(await Deno.readFile(url), url.pathname)),
  );
  const files = await Promise.all(sources.map((source) => openGguf(source)));
  const memoryBudget = options.memoryBudget ?? 256 * 2 ** 20;
  const backend = await (typeof on === "string" ? onWasm(on) : on).open(memoryBudget);
  const pair = checkPair(files[0]!, files[1]!, options.lazy);
  const assembled = assemble(
    backend,
    pair,
    planModel(backend, pair, { weights: "auto", contextTokens: undefined, ...options, memoryBudget }),
  );
  await loadWeights(backend, assembled.placed, assembled.scratch);
  return assembled;
}
