import type { Backend } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
import type { AbortState } from "./pacer.ts";
import { loadWeights, type PlacedTensor } from "./weights.ts";

/** Slots of the ring: one layer is computed while the next one is being read. */
export const RING_SLOTS = 2;
/** How often it is asked whether a pass that waits for its source has been aborted. */
const ASK_MS = 20;

/**
 * Layers that do not stay in memory, the connector as the last of them: each pass reads them from their source again, layer
 * l into slot l % {@link RING_SLOTS}, and reads the next while one is being computed.
 */
export class LayerRing {
  readonly #backend: Backend;
  readonly #layers: readonly (readonly PlacedTensor[])[];
  readonly #scratch: number;
  #layersRead = 0;

  /**
   * @param layers What is read of each layer, at its places in the slots.
   * @param scratch Load scratch of `loadScratchBytes` bytes of the largest layer, kept for the object's life.
   */
  constructor(backend: Backend, layers: readonly (readonly PlacedTensor[])[], scratch: number) {
    this.#backend = backend;
    this.#layers = layers;
    this.#scratch = scratch;
  }

  /** Layers read since it was made. */
  get layersRead(): number {
    return this.#layersRead;
  }

  /**
   * One pass: calls `compute` for every layer in order, while its weights are in their slot. When it has ended, in whatever
   * way, nothing comes into the slots any more; a source that stands still and does not look at signals is left behind.
   *
   * @throws {LorisError} `source_failed`; `file_invalid` for a damaged weight; the signal's reason; what `compute` throws.
   */
  async run(signal: AbortState | undefined, compute: (layer: number) => Promise<void>): Promise<void> {
    const ended = new AbortController();
    let reading = this.#read(0, ended.signal);
    try {
      for (let layer = 0; layer < this.#layers.length; layer++) {
        await unlessAborted(reading, signal);
        signal?.throwIfAborted();
        if (layer + 1 < this.#layers.length) reading = this.#read(layer + 1, ended.signal);
        await compute(layer);
      }
    } finally {
      ended.abort();
      // one pass reads at a time
      await reading.catch(() => {});
    }
  }

  #read(layer: number, signal: AbortSignal): Promise<void> {
    const reading = this.#load(layer, signal);
    // it may fail while another layer is being computed; `run` hears of it when it waits
    reading.catch(() => {});
    return reading;
  }

  async #load(layer: number, signal: AbortSignal): Promise<void> {
    const tensors = this.#layers[layer]!;
    try {
      await loadWeights(this.#backend, tensors, this.#scratch, undefined, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof LorisError) throw cause;
      const { source, name } = tensors[0]!.needed.tensor;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new LorisError(
        "source_failed",
        `${source.name}: ${name} and the rest of its layer could not be read: ${why}; keep the source open and unchanged ` +
          `while the captioner is used, or load with visionWeights: "resident"`,
        { param: source.name, cause },
      );
    }
    this.#layersRead++;
  }
}

/** Asks again and again: what computes may be another request's than what is aborted, and cannot listen to it everywhere. */
function unlessAborted(reading: Promise<void>, state: AbortState | undefined): Promise<void> {
  if (!state) return reading;
  return new Promise((resolve, reject) => {
    const asking = setInterval(() => {
      if (state.aborted) reject(state.reason);
    }, ASK_MS);
    reading.then(resolve, reject).finally(() => clearInterval(asking));
    if (state.aborted) reject(state.reason);
  });
}
