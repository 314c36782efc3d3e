import type { Backend, KvLayer } from "../backend/backend.ts";
import type { MemoryPlan } from "../memory/plan.ts";
import type { VisionConfig } from "./config.ts";

/** f32 elements of attention weights that are looked at together, unless one patch's are more. */
const MAX_PROBABILITIES = 2 ** 18;

/** Where attention weights are looked at. */
export interface ImportancePlaces {
  /** Rows that attend together, and where f32 of their weights go. */
  readonly rows: number;
  readonly probabilities: number;
  /** f32 [heads, patches]. */
  readonly received: number;
}

/** Reserves what an encoder of this shape needs, whose chunks have so many rows. */
export function importancePlaces(plan: MemoryPlan, b: Backend, c: VisionConfig, chunkRows: number): ImportancePlaces {
  const patches = c.grid * c.grid;
  const elements = (rows: number) => b.attentionProbabilities(rows, c.heads, c.heads, patches);
  let rows = chunkRows;
  while (rows > 1 && elements(rows) > MAX_PROBABILITIES) rows = Math.ceil(rows / 2);
  return {
    rows,
    probabilities: plan.reserve("probabilities", elements(rows) * 4),
    received: plan.reserve("received", c.heads * patches * 4),
  };
}

/**
 * How important each image token of a tile is: the attention that the patches it is made of receive, summed over the
 * layers that are measured, heads and the patches that attend. Over all tokens that is layers x heads x patches.
 */
export class Importance {
  /** f32 [tokens], of the tile for which `finish` was called last. */
  readonly tokens: Float32Array;
  readonly #backend: Backend;
  readonly #config: VisionConfig;
  readonly #at: ImportancePlaces;

  constructor(backend: Backend, config: VisionConfig, places: ImportancePlaces) {
    this.#backend = backend;
    this.#config = config;
    this.#at = places;
    this.tokens = new Float32Array(config.tokens);
  }

  /** Begins a tile. */
  begin(): void {
    this.#backend.clear(this.#at.received, this.#config.heads * this.#config.grid ** 2 * 4);
  }

  /** `Backend.attention` among all patches, of few rows at a time, so that there is room for their weights; adds these up. */
  attend(dst: number, q: number, kv: KvLayer, scratch: number, rows: number): void {
    const b = this.#backend;
    const { heads, width, grid } = this.#config;
    const { probabilities, received } = this.#at;
    const patches = grid * grid;
    for (let row = 0; row < rows; row += this.#at.rows) {
      const n = Math.min(this.#at.rows, rows - row);
      const offset = row * width * 4;
      b.attention(dst + offset, q + offset, kv, scratch, n, heads, patches, false, probabilities);
      b.attentionReceived(received, probabilities, n, heads, heads, patches, false);
    }
  }

  /** Ends a tile: sums over the heads, and over the neighbourhood of patches that pixel shuffle makes a token of. */
  async finish(): Promise<void> {
    const { heads, grid, shuffle } = this.#config;
    const side = grid / shuffle;
    const received = await this.#backend.read(this.#at.received, heads * grid * grid);
    this.tokens.fill(0);
    for (const [i, weight] of received.entries()) {
      const patch = i % (grid * grid);
      const [y, x] = [Math.floor(patch / grid), patch % grid];
      this.tokens[Math.floor(y / shuffle) * side + Math.floor(x / shuffle)]! += weight;
    }
  }
}
