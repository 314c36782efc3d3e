import { LorisError } from "../errors.ts";

/** Of a WebAssembly memory. */
export const PAGE_BYTES = 65536;

/**
 * A WebAssembly memory of whole pages of 64 KiB.
 *
 * @throws {LorisError} `memory_budget` if the engine does not give it.
 */
export function engineMemory(initialPages: number, maximumPages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: initialPages, maximum: maximumPages });
  } catch (cause) {
    throw refusedByEngine(initialPages * PAGE_BYTES, cause);
  }
}

/** What a memory that the engine does not give, or does not let grow, is told by. */
export function refusedByEngine(bytes: number, cause: unknown): LorisError {
  return new LorisError(
    "memory_budget",
    `the engine refused a WebAssembly memory of ${bytes} bytes; close what is not needed, or give a smaller memoryBudget ` +
      "or a smaller model",
    { param: "memoryBudget", cause },
  );
}
