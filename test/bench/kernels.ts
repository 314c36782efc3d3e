/** Every kernel that matters to speed, as jobs for one interleaved run, beside the ceilings. */
import { decodeAttention, visionAttention } from "./attention.ts";
import { ceilings, readLoop } from "./ceilings.ts";
import { FORMATS, LayerBench, LAYERS } from "./layers.ts";
import type { Job, Timing } from "./measure.ts";

const ROWS = [1, 16, 64, 256, 1024];
/** Layers of SmolLM2-135M: their 4-bit weights, 60 MB, are in no core's own cache. */
const DECODE_LAYERS = 30;

export async function kernelJobs(): Promise<Job[]> {
  const jobs: Job[] = ceilings();
  for (const layer of Object.keys(LAYERS) as (keyof typeof LAYERS)[]) {
    for (const [format, value] of Object.entries(FORMATS)) {
      const bench = await LayerBench.create(layer, value, 1024);
      for (const rows of ROWS) jobs.push(bench.job(`${layer} ${format}, M = ${rows}`, rows));
    }
  }
  const fallback = await LayerBench.create("smollm2", FORMATS.q4, 256, { build: "simd128" });
  jobs.push(fallback.job("smollm2 q4 by simd128, M = 256", 256));
  for (const patches of [196, 256, 1024]) jobs.push(await visionAttention(patches));
  for (const positions of [64, 512, 2048]) jobs.push(await decodeAttention(positions));
  const decoder = await LayerBench.create("smollm2", FORMATS.q4, 1, { copies: DECODE_LAYERS });
  jobs.push(decoder.job(`decode: ${DECODE_LAYERS} layers' weights`, 1, decoder.weightBytes));
  jobs.push(readLoop("read, as many bytes", decoder.weightBytes));
  return jobs;
}

export function kernelRatios(timings: readonly Timing[]): Record<string, number> {
  const rate = (name: string) => timings.find((t) => t.name === name)!.perSecond;
  const dot = rate("i8 relaxed dot");
  const linears = ["q4", "q8"].flatMap((format) =>
    [64, 256, 1024].flatMap((rows) =>
      (["smollm2", "vit_b"] as const).map((layer) =>
        [`linear_${format}_m${rows}_of_ceiling_${layer}`, rate(`${layer} ${format}, M = ${rows}`) / dot] as const
      )
    )
  );
  const all = Object.fromEntries(linears);
  // one number for both layers: the slower's
  const lowest = (name: string) => Math.min(all[`${name}_smollm2`]!, all[`${name}_vit_b`]!);
  const ofScaled = (format: string) =>
    lowest(`linear_${format}_m256_of_ceiling`) * dot / rate("i8 relaxed dot, scaled by blocks of 32");
  return {
    linear_q4_m256_of_ceiling: lowest("linear_q4_m256_of_ceiling"),
    linear_q8_m256_of_ceiling: lowest("linear_q8_m256_of_ceiling"),
    linear_q4_m256_of_scaled_ceiling: ofScaled("q4"),
    linear_q8_m256_of_scaled_ceiling: ofScaled("q8"),
    decode_of_memory_ceiling: rate(`decode: ${DECODE_LAYERS} layers' weights`) / rate("read, as many bytes"),
    simd128_of_relaxed_q4_m256: rate("smollm2 q4 by simd128, M = 256") / rate("smollm2 q4, M = 256"),
    attention_of_f32_ceiling: rate("attention, 256 patches") / rate("f32 mul + add"),
    ...all,
  };
}
