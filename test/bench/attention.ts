import { KvFormat, kvLayerBytes } from "../../sdk/backend/backend.ts";
import { Bench, numbers } from "../ops/harness.ts";
import type { Job } from "./measure.ts";

/** Attention of 12 heads of 64 over all of a picture's patches, 128 rows at a time as the encoder does. Work: operations. */
export async function visionAttention(patches: number): Promise<Job> {
  const [heads, headWidth] = [12, 64];
  const bench = await Bench.create("relaxed", 48 << 20);
  const b = bench.backend;
  const rows = Math.min(128, patches);
  const width = heads * headWidth;
  const bytes = kvLayerBytes(heads, headWidth, patches, KvFormat.f32);
  const kv = { keys: bench.reserve(bytes), values: bench.reserve(bytes), heads, headWidth, capacity: patches };
  const cache = { ...kv, format: KvFormat.f32 };
  const x = bench.put(numbers(1, patches * width));
  b.storeKeys(cache, x, 0, patches);
  b.storeValues(cache, x, 0, patches);
  const [dst, scratch] = [bench.reserve(rows * width * 4), bench.reserve(b.attentionScratch(patches, headWidth) * 4)];
  return {
    name: `attention, ${patches} patches`,
    work: 4 * rows * patches * width,
    run: () => b.attention(dst, x, cache, scratch, rows, heads, patches, false),
  };
}

/** One decode step's attention in SmolLM2's shape (9 heads, 3 key heads, f16 cache). Work: bytes of the cache read. */
export async function decodeAttention(positions: number): Promise<Job> {
  const [heads, kvHeads, headWidth] = [9, 3, 64];
  const bench = await Bench.create("relaxed", 16 << 20);
  const b = bench.backend;
  const bytes = kvLayerBytes(kvHeads, headWidth, positions + 8, KvFormat.f16);
  const cache = {
    ...{ keys: bench.reserve(bytes), values: bench.reserve(bytes), heads: kvHeads, headWidth },
    ...{ capacity: positions + 8, format: KvFormat.f16 },
  };
  const x = bench.put(numbers(1, positions * kvHeads * headWidth));
  b.storeKeys(cache, x, 0, positions);
  b.storeValues(cache, x, 0, positions);
  const [dst, scratch] = [
    bench.reserve(heads * headWidth * 4),
    bench.reserve(b.attentionScratch(positions + 8, headWidth) * 4),
  ];
  return {
    name: `decode attention, ${positions} positions`,
    work: 2 * positions * kvHeads * headWidth * 2,
    run: () => b.attention(dst, x, cache, scratch, 1, heads, positions - 1, true),
  };
}
