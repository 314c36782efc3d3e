import type { Backend } from "../../../sdk/backend/backend.ts";
import { densePlan } from "../../../sdk/lazy/plan.ts";
import { WasmBackend } from "../../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend, type WebGpuOptions } from "../../../sdk/backend/webgpu/backend.ts";
import type { OpenDevice } from "../../../sdk/backend/webgpu/device.ts";
import { openGguf } from "../../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../../sdk/load.ts";
import { assemble, type Assembled, planModel } from "../../../sdk/model/assemble.ts";
import { languageConfig, visionConfig } from "../../../sdk/model/config.ts";
import { languageTensors, visionTensors } from "../../../sdk/model/tensors.ts";
import { loadWeights } from "../../../sdk/model/weights.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import type { PairPaths } from "../model.ts";

const MIB = 2 ** 20;

/** What computes in this benchmark, under the name of its columns. */
export interface Column {
  readonly name: string;
  open(): Promise<Backend>;
}

const wasm = async (maxBytes: number) =>
  await WasmBackend.create(await packagedKernels("relaxed"), "relaxed", maxBytes);

/** The CPU's fastest kernels. */
export const CPU: Column = { name: "wasm", open: () => wasm(1024 * MIB) };

/** Every way of computing that the GPU has, of which plain f32 is the first. */
export function gpuColumns({ device, capabilities }: OpenDevice): [Column, ...Column[]] {
  const { f16, subgroups, dot4I8 } = capabilities;
  const column = (name: string, options: WebGpuOptions): Column => ({
    ...{ name, open: async () => new WebGpuBackend(device, await wasm(64 * MIB), options) },
  });
  return [
    column("f32", {}),
    ...f16 ? [column("f16", { f16 })] : [],
    ...dot4I8 ? [column("i8", { records: "i8" })] : [],
    ...subgroups ? [column("subgroups", { subgroups })] : [],
  ];
}

/** A pair as the product assembles it, and how long its weights took; as large as it wants to be. */
export async function openOn(
  backend: Backend,
  paths: PairPaths,
  contextTokens: number,
): Promise<{ readonly model: Assembled; readonly loadMs: number }> {
  const started = performance.now();
  const sources = [fileSource(paths.text), fileSource(paths.vision)] as const;
  const [text, vision] = await Promise.all([openGguf(sources[0]), openGguf(sources[1])]);
  const pair = { text, vision, languageConfig: languageConfig(text), visionConfig: visionConfig(vision) };
  const lazy = densePlan(pair.languageConfig.layers);
  const whole = {
    ...{ ...pair, lazy, visionTensors: visionTensors(vision, pair.visionConfig) },
    languageTensors: languageTensors(text, pair.languageConfig, lazy),
  };
  const plan = planModel(backend, whole, { memoryBudget: 1024 * MIB, weights: "auto", contextTokens });
  const model = assemble(backend, whole, plan);
  await loadWeights(backend, model.placed, model.scratch);
  // what a GPU was given is there when it answers
  await model.vlm.prove(model.cache);
  await Promise.all(sources.map((source) => source.close()));
  return { model, loadMs: performance.now() - started };
}
