import { LorisError } from "../../errors.ts";
import { type Capabilities, capabilitiesOf, wantedFeatures } from "./capabilities.ts";

/** A GPU that is ready, and what it is called. */
export interface OpenDevice {
  readonly device: GPUDevice;
  /** As the runtime tells it: vendor, architecture or a description. */
  readonly description: string;
  readonly capabilities: Capabilities;
}

/** Limits that are raised as far as the adapter goes, so that a model takes few buffers. */
const RAISED = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;

/**
 * Asks the runtime for a GPU.
 *
 * @param allowSoftware Whether one that computes on the CPU will do.
 * @throws {LorisError} `gpu_unavailable`, whose message says what was missing.
 */
export async function openDevice(gpu: GPU | undefined, allowSoftware: boolean): Promise<OpenDevice> {
  if (!gpu) throw unavailable("this runtime has no navigator.gpu");
  const adapter = await attempt(
    "the runtime failed to look for a GPU",
    () => gpu.requestAdapter({ powerPreference: "high-performance" }),
  );
  if (!adapter) throw unavailable("the runtime found no GPU adapter");
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
  if (isFallbackAdapter && !allowSoftware) {
    throw unavailable(`the only adapter, "${name}", computes on the CPU, where WebAssembly is faster`);
  }
  const requiredLimits = Object.fromEntries(RAISED.map((limit) => [limit, adapter.limits[limit]]));
  const requiredFeatures = wantedFeatures(adapter);
  const device = await attempt(
    `the GPU "${name}" refused a device`,
    () => adapter.requestDevice({ requiredLimits, requiredFeatures }),
  );
  return { device, description: name, capabilities: capabilitiesOf(device) };
}

/** What a runtime throws at once, as some do without a driver, or rejects, is told as what failed. */
async function attempt<T>(what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw unavailable(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function unavailable(why: string, cause?: unknown): LorisError {
  return new LorisError("gpu_unavailable", `${why}; use backend: "wasm" or "auto"`, { param: "backend", cause });
}
