/** What tests on a GPU share. They run where LORIS_GPU asks for one, be it in software, and say so where they do not. */
import type { Region } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend, type WebGpuOptions } from "../../sdk/backend/webgpu/backend.ts";
import { wantedFeatures } from "../../sdk/backend/webgpu/capabilities.ts";
import { packagedKernels } from "../../sdk/load.ts";
import type { Computer } from "../model/pair.ts";

/** Bytes that the memory in which weights are converted may grow to. */
const HOST_BYTES = 64 << 20;

/**
 * A device with no higher limits than every WebGPU has, and the features that operations have variants for, one for a test
 * file. `undefined`, and a word about it, unless LORIS_GPU is "required": drivers are not even looked for, since those that
 * compute in software take minutes and some end a process badly. A command that the device refuses is an error of the test
 * run.
 *
 * @throws {Error} if there is no adapter where one is asked for.
 */
export async function device(): Promise<GPUDevice | undefined> {
  if (Deno.env.get("LORIS_GPU") !== "required") {
    // deno-lint-ignore no-console -- a skip must say why
    console.log("skipped: tests on a GPU run with LORIS_GPU=required (see CONTRIBUTING.md)");
    return undefined;
  }
  const adapter = await navigator.gpu?.requestAdapter() ?? null;
  if (!adapter) throw new Error("WebGPU has no adapter, and LORIS_GPU asks for one");
  const device = await adapter.requestDevice({ requiredFeatures: wantedFeatures(adapter) });
  device.addEventListener("uncapturederror", ({ error }) => {
    throw error;
  });
  return device;
}

/** What makes a model compute on a device. */
export function onGpu(device: GPUDevice | undefined): Computer {
  return {
    name: "webgpu",
    // with probabilities that were kept, a row's sum is divided before it is used and not after
    keptBound: 1e-5,
    async open() {
      if (!device) throw new Error("there is no device: this test is to be ignored");
      return new WebGpuBackend(device, await host());
    },
  };
}

/** A backend with a memory of these regions, given by their names and bytes, and the regions. */
export async function gpuBackend(
  device: GPUDevice,
  sizes: readonly (readonly [name: string, bytes: number])[],
  options: WebGpuOptions = {},
): Promise<{ backend: WebGpuBackend; regions: readonly Region[] }> {
  const backend = new WebGpuBackend(device, await host(), options);
  const regions = regionsOf(backend.base, sizes);
  backend.reserve(regions.at(-1)!.address + regions.at(-1)!.bytes, regions);
  return { backend, regions };
}

/** Regions one after another from an address on. */
export function regionsOf(base: number, sizes: readonly (readonly [name: string, bytes: number])[]): Region[] {
  let address = base;
  return sizes.map(([name, bytes]) => ({ name, address: (address += bytes) - bytes, bytes }));
}

/** The kernels that convert weights for a GPU, with nothing in their memory. */
export async function host(): Promise<WasmBackend> {
  return await WasmBackend.create(await packagedKernels("simd128"), "simd128", HOST_BYTES);
}
