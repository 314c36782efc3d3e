import type { WasmBackend } from "../wasm/backend.ts";
import { LorisError } from "../../errors.ts";
import { WebGpuBackend, type WebGpuOptions } from "./backend.ts";
import type { Capabilities } from "./capabilities.ts";
import { openDevice } from "./device.ts";
import { checkAgainst } from "./self_check.ts";

/** With a device of its own, which goes with it. */
class SoleBackend extends WebGpuBackend {
  override destroy(): void {
    super.destroy();
    this.device.destroy();
  }
}

/**
 * The operations on the runtime's GPU, after one matrix product and one attention have come out as on the CPU.
 *
 * @param host Converts weights, and computes what the GPU is checked against.
 * @param allowSoftware Whether an adapter that computes on the CPU will do.
 * @throws {LorisError} `gpu_unavailable`; `gpu_failed` if it is lost, refuses a shader, or computes something else.
 */
export async function openWebGpu(
  gpu: GPU | undefined,
  host: WasmBackend,
  allowSoftware: boolean,
): Promise<WebGpuBackend> {
  const { device, description, capabilities } = await openDevice(gpu, allowSoftware);
  const options = optionsFor(capabilities);
  const trial = new WebGpuBackend(device, host, options);
  const backend = new SoleBackend(device, host, options);
  device.addEventListener("uncapturederror", (event) => {
    const { message } = (event as GPUUncapturedErrorEvent).error;
    for (const one of [trial, backend]) one.recorder.fail(failure(`refused a command: ${message}`, description));
  });
  device.lost.then(({ reason, message }) => {
    if (reason === "destroyed") return;
    for (const one of [trial, backend]) one.recorder.fail(failure(`was lost: ${message || reason}`, description));
  });
  try {
    await checkAgainst(host, trial);
    return backend;
  } catch (error) {
    backend.destroy();
    throw error;
  } finally {
    trial.destroy();
  }
}

/**
 * What is used of what a device can. Not 16-bit floats and 8-bit records: both lose precision, and what they win in products
 * of many rows `deno task bench:gpu` shows; as long as that is not most of a user's wait, answers are those of f32.
 */
function optionsFor({ subgroups }: Capabilities): WebGpuOptions {
  return { subgroups, f16: false, records: "f32" };
}

function failure(what: string, description: string): LorisError {
  return new LorisError("gpu_failed", `the GPU "${description}" ${what}; ask again, or load with backend: "wasm"`, {
    param: "backend",
  });
}
