/** How fast the kernels multiply, alone: what counted work is divided by. */
import { KvFormat, kvLayerBytes } from "../../../sdk/backend/backend.ts";
import { Bench, numbers } from "../../ops/harness.ts";
import { FORMATS, LayerBench, layerOps } from "../layers.ts";
import { interleave, type Job } from "../measure.ts";
import { attentionWork, type DecoderShape, type Speeds } from "./cost.ts";

/** Causal attention of the last `rows` rows of a prompt in SmolLM2's shape, over an f16 cache. Work: multiplications. */
async function attentionJob(rows: number, slots: number): Promise<Job> {
  const [heads, kvHeads, headWidth] = [9, 3, 64];
  const bench = await Bench.create("relaxed", 32 << 20);
  const b = bench.backend;
  const capacity = Math.ceil(slots / 8) * 8;
  const bytes = kvLayerBytes(kvHeads, headWidth, capacity, KvFormat.f16);
  const cache = {
    ...{ keys: bench.reserve(bytes), values: bench.reserve(bytes), heads: kvHeads, headWidth, capacity },
    format: KvFormat.f16,
  };
  const x = bench.put(numbers(1, Math.max(slots * kvHeads, rows * heads) * headWidth));
  b.storeKeys(cache, x, 0, slots);
  b.storeValues(cache, x, 0, slots);
  const [dst, scratch] = [
    bench.reserve(rows * heads * headWidth * 4),
    bench.reserve(b.attentionScratch(capacity, headWidth) * 4),
  ];
  return {
    name: "attention",
    work: attentionWork({ heads, headWidth }, rows, slots - rows, rows),
    run: () => b.attention(dst, x, cache, scratch, rows, heads, slots - rows, true),
  };
}

/**
 * Speeds of SmolLM2's layers in 4 bits and of attention, as a prompt's chunk uses them.
 *
 * @param rows Of the chunk.
 * @param slots That its last row sees.
 */
export async function measureSpeeds(rows: number, slots: number): Promise<Speeds> {
  const layer = await LayerBench.create("smollm2", FORMATS.q4, rows);
  const [matrix, attention] = await interleave([
    // a multiplication and an addition are two operations
    layer.job("matrix", rows, rows * layerOps("smollm2") / 2),
    await attentionJob(rows, slots),
  ], 9);
  return { matrix: matrix!.perSecond, attention: attention!.perSecond };
}

/** The shape whose kernels {@link measureSpeeds} runs has the decoder's widths. @throws {RangeError} if not. */
export function checkSpeedsFor(c: DecoderShape): void {
  if (c.width === 576 && c.hidden === 1536 && c.heads === 9 && c.kvHeads === 3 && c.headWidth === 64) return;
  throw new RangeError("the speeds are measured in SmolLM2-135M's shape, the decoder has another");
}
