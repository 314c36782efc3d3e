import type { Backend } from "../../../sdk/backend/backend.ts";
import { WasmBackend } from "../../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend, type WebGpuOptions } from "../../../sdk/backend/webgpu/backend.ts";
import type { OpenDevice } from "../../../sdk/backend/webgpu/device.ts";
import { packagedKernels } from "../../../sdk/load.ts";
import type { Assembled } from "../../../sdk/model/assemble.ts";
import { openOn, type PairPaths } from "../model.ts";

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
export async function timedOn(
  backend: Backend,
  paths: PairPaths,
  contextTokens: number,
): Promise<{ readonly model: Assembled; readonly loadMs: number }> {
  const started = performance.now();
  const { model } = await openOn(backend, paths, contextTokens, { memoryBudget: 1024 * MIB });
  // what a GPU was given is there when it answers
  await model.vlm.prove(model.cache);
  return { model, loadMs: performance.now() - started };
}
