import type { Backend } from "./backend/backend.ts";
import { WasmBackend } from "./backend/wasm/backend.ts";
import type { KernelBuild } from "./backend/wasm/build.ts";
import { LorisError } from "./errors.ts";

/** What is to compute: the GPU if one passes its checks and else the CPU, or just one of the two. */
export type BackendOption = "auto" | "wasm" | "webgpu";
export const BACKENDS: readonly BackendOption[] = ["auto", "wasm", "webgpu"];

/** As much of WebGPU's `GPU` as is asked for; its own type is no part of every TypeScript's library. */
export interface WebGpu {
  /** The GPU's adapter, a `GPUAdapter`; null if there is none. */
  requestAdapter(options?: { readonly powerPreference?: "low-power" | "high-performance" }): Promise<object | null>;
}

/** A backend that a model can be tried on. */
export interface Candidate {
  readonly name: Exclude<BackendOption, "auto">;
  /** @throws {LorisError} `gpu_unavailable` or `gpu_failed` if it cannot be had, or computes wrongly. */
  open(): Promise<Backend>;
}

/** What runs on the CPU. */
export interface Kernels {
  readonly kernels: WebAssembly.Module;
  readonly build: KernelBuild;
}

/** Bytes of the memory in which weights are converted for a GPU, at most: a piece of a file and what becomes of it. */
const HOST_BYTES = 64 * 2 ** 20;

/**
 * The backends to try, in this order.
 *
 * @param gpu The runtime's way to GPUs, if it has one.
 */
export function candidates(
  option: BackendOption,
  { kernels, build }: Kernels,
  memoryBudget: number,
  gpu: WebGpu | undefined,
): Candidate[] {
  const wasm: Candidate = { name: "wasm", open: () => WasmBackend.create(kernels, build, memoryBudget) };
  const webgpu: Candidate = {
    name: "webgpu",
    async open() {
      const [{ openWebGpu }, host] = await Promise.all([
        // those who never ask for a GPU need not load this
        import("./backend/webgpu/open.ts"),
        WasmBackend.create(kernels, build, HOST_BYTES),
      ]);
      return await openWebGpu(gpu as GPU | undefined, host, option === "webgpu");
    },
  };
  return option === "wasm" ? [wasm] : option === "webgpu" ? [webgpu] : [webgpu, wasm];
}

/** True for an error that another backend may not have; on a GPU rows take more memory. */
export function isOfBackend(error: unknown): error is LorisError {
  const codes: readonly string[] = ["gpu_unavailable", "gpu_failed", "memory_budget"];
  return error instanceof LorisError && codes.includes(error.code);
}
