import { anyIds } from "../../model.ts";

/** An engine with the networks of one shape. Results are copies. */
export interface Engine {
  readonly name: string;
  /** Encodes a tile so many times and waits for the last: f32 [tokens, text width]. */
  encode(times: number): Promise<Float32Array>;
  /** Fills an empty cache with so many rows, so many times, and keeps the last: f32 [width], the last row behind the layers. */
  prefill(rows: number, times: number): Promise<Float32Array>;
  /** One token after another behind the cache that was kept, which stays as it is; the last row. @param wait Whether for each, or for the last alone. */
  decode(tokens: number, wait: boolean): Promise<Float32Array>;
  close(): Promise<void>;
}

/** A tile's pixels: u8 [side, side, 3]. */
export function tilePixels(side: number): Uint8Array {
  return Uint8Array.from(anyIds(side * side * 3, 256, 3));
}

/** Rows as embeddings are, f32 [rows, width], within -1 and 1; the same for the same seed. */
export function anyRows(rows: number, width: number, seed: number): Float32Array {
  return Float32Array.from(anyIds(rows * width, 2001, seed), (value) => (value - 1000) / 1000);
}

/** Seeds of a prompt's rows and of those decoded after it. */
export const SEEDS = { prompt: 5, decoded: 6 };
