import type { WasmBackend } from "../wasm/backend.ts";
import { DeviceMemory } from "./memory.ts";
import { argmax } from "./ops/choice.ts";
import { add, copy } from "./ops/elements.ts";
import { rmsNorm } from "./ops/norms.ts";

/** The operations on a GPU: every call is recorded, and runs before the next result is read. */
export class WebGpuBackend extends DeviceMemory {
  readonly name = "webgpu";

  /** @param maxBinding Bytes that a shader sees of a buffer at most; the device's own limit if that is lower. */
  constructor(device: GPUDevice, host: WasmBackend, maxBinding = Infinity) {
    super(device, host, maxBinding);
  }

  rmsNorm(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void {
    rmsNorm(this, dst, x, weight, rows, width, eps);
  }

  add(dst: number, x: number, elements: number): void {
    add(this, dst, x, elements);
  }

  copy(to: number, from: number, bytes: number): void {
    copy(this, to, from, bytes);
  }

  argmax(x: number, elements: number): Promise<number> {
    return argmax(this, x, elements);
  }
}
