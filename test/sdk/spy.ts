import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";

/** Operations of the backend by which a stage of a request is known. */
export type Operation = "linear" | "patches" | "embed";

/** Calls `onCall` before every call of an operation, on whatever model, while `work` runs. */
export async function spied<T>(
  onCall: (operation: Operation, args: readonly number[]) => void,
  work: () => Promise<T>,
): Promise<T> {
  const prototype = WasmBackend.prototype as unknown as Record<Operation, (...args: never[]) => void>;
  const originals = { linear: prototype.linear, patches: prototype.patches, embed: prototype.embed };
  for (const [name, original] of Object.entries(originals) as [Operation, (...args: never[]) => void][]) {
    prototype[name] = function (...args) {
      onCall(name, args);
      return original.apply(this, args);
    };
  }
  try {
    return await work();
  } finally {
    Object.assign(prototype, originals);
  }
}

/** Runs `work` and returns the WebAssembly memories that JavaScript made meanwhile. */
export async function memoriesOf(work: () => Promise<unknown>): Promise<WebAssembly.Memory[]> {
  const made: WebAssembly.Memory[] = [];
  const Original = WebAssembly.Memory;
  WebAssembly.Memory = class extends Original {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      made.push(this);
    }
  };
  try {
    await work();
  } finally {
    WebAssembly.Memory = Original;
  }
  return made;
}
