import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { assemble, type Assembled, type AssembleOptions, planModel } from "../../sdk/model/assemble.ts";
import type { LazyOption } from "../../sdk/lazy/option.ts";
import { checkPair } from "../../sdk/model/pair.ts";
import { loadWeights } from "../../sdk/model/weights.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";

/** A pair of files, assembled and loaded on one build of the kernels. */
export async function openPair(
  build: KernelBuild,
  text: URL,
  vision: URL,
  options: Partial<AssembleOptions> & { lazy?: LazyOption } = {},
): Promise<Assembled> {
  const sources = await Promise.all(
    [text, vision].map(async (url) => bytesSource(await Deno.readFile(url), url.pathname)),
  );
  const files = await Promise.all(sources.map((source) => openGguf(source)));
  const memoryBudget = options.memoryBudget ?? 256 * 2 ** 20;
  const backend = await WasmBackend.create(
    await packagedKernels(build),
    build,
    memoryBudget,
  );
  const pair = checkPair(files[0]!, files[1]!, options.lazy);
  const assembled = assemble(
    backend,
    pair,
    planModel(backend, pair, { weights: "auto", contextTokens: undefined, ...options, memoryBudget }),
  );
  await loadWeights(backend, assembled.placed, assembled.scratch);
  return assembled;
}
