/**
 * What the kernels reach beside what this engine can reach on this machine, and where the time of a caption goes.
 * Usage: deno task bench [--json] [--out DIR] (default docs/bench). With --json the last line printed is one object.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { bestBuild } from "../../sdk/backend/wasm/build.ts";
import { decodeAttention, visionAttention } from "./attention.ts";
import { captionTimes } from "./caption.ts";
import { ceilings } from "./ceilings.ts";
import { FORMATS, LayerBench, LAYERS } from "./layers.ts";
import { interleave, type Job, type Timing } from "./measure.ts";
import { type BenchReport, markdown, svg } from "./report.ts";

const ROWS = [1, 16, 64, 256, 1024];

async function kernelJobs(): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const layer of Object.keys(LAYERS) as (keyof typeof LAYERS)[]) {
    for (const [format, value] of Object.entries(FORMATS)) {
      const bench = await LayerBench.create(layer, value, 1024);
      for (const rows of ROWS) jobs.push(bench.job(`${layer} ${format}, M = ${rows}`, rows));
    }
  }
  const fallback = await LayerBench.create("smollm2", FORMATS.q4, 256, "simd128");
  jobs.push(fallback.job("smollm2 q4 by simd128, M = 256", 256));
  for (const patches of [196, 256, 1024]) jobs.push(await visionAttention(patches));
  for (const positions of [64, 512, 2048]) jobs.push(await decodeAttention(positions));
  return jobs;
}

/** One ViT-B layer's attention beside its products, over a whole picture. */
function attentionShare(rate: (name: string) => number, patches: number): number {
  const attention = 4 * patches * patches * 768 / rate(`attention, ${patches} patches`);
  const products = patches * 2 * 7077888 / rate(`vit_b q8, M = ${Math.min(patches, 256)}`);
  return attention / (attention + products);
}

function ratiosOf(timings: readonly Timing[], tokenBytes: number, perTokenMs: number): Record<string, number> {
  const rate = (name: string) => timings.find((t) => t.name === name)!.perSecond;
  const dot = rate("i8 relaxed dot");
  return {
    linear_q4_m256_of_ceiling: rate("smollm2 q4, M = 256") / dot,
    linear_q4_m64_of_ceiling: rate("smollm2 q4, M = 64") / dot,
    linear_q8_m256_of_ceiling: rate("vit_b q8, M = 256") / dot,
    simd128_of_relaxed_q4_m256: rate("smollm2 q4 by simd128, M = 256") / rate("smollm2 q4, M = 256"),
    decode_of_memory_ceiling: tokenBytes / perTokenMs * 1000 / rate("read, memory"),
    attention_of_f32_ceiling: rate("attention, 256 patches") / rate("f32 mul + add"),
    attention_of_vision: attentionShare(rate, 1024),
  };
}

/** Bytes of the decoder's matrices that one token reads: 12 layers in 4 bits, the output layer in 8. */
const NANO_TOKEN_BYTES = 12 * 3538944 * 4.5 / 8 + 8196 * 576 * 8.5 / 8;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, out: { type: "string" } } });
  if (bestBuild() !== "relaxed") throw new Error("this engine has no relaxed SIMD; there is nothing to compare");
  const timings = await interleave([...ceilings(), ...await kernelJobs()]);
  const caption = await captionTimes();
  const ratios = {
    ...ratiosOf(timings, NANO_TOKEN_BYTES, caption.perTokenMs),
    cold_of_warm_and_read: caption.coldMs / (caption.totalMs + caption.readFilesMs),
    outside_networks_of_caption: caption.decodeImageMs / caption.totalMs,
  };
  const report: BenchReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    versions: { deno: Deno.version.deno, v8: Deno.version.v8 },
    ...{ ratios, timings, caption },
  };
  const out = values.out ?? new URL("../../docs/bench", import.meta.url).pathname;
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/bench.md`, markdown(report));
  await Deno.writeTextFile(`${out}/bench.json`, JSON.stringify(report, null, 1) + "\n");
  await Deno.writeTextFile(
    `${out}/bench.svg`,
    svg(`Achieved within the engine's ceiling, ${report.date}`, bars(timings)),
  );
  const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
  await print(markdown(report));
  if (values.json) await print(JSON.stringify(report));
}

function bars(timings: readonly Timing[]) {
  const rate = (name: string) => timings.find((t) => t.name === name)!.perSecond / 1e9;
  const of = (name: string, ceiling: string, unit: string) => ({
    name,
    value: rate(name),
    ceiling: rate(ceiling),
    unit,
  });
  const products = ["smollm2 q4", "smollm2 q8", "vit_b q4", "vit_b q8"].flatMap((layer) =>
    [1, 64, 256].map((rows) => of(`${layer}, M = ${rows}`, "i8 relaxed dot", "GOP/s"))
  );
  const attention = [256, 1024].map((n) => of(`attention, ${n} patches`, "f32 mul + add", "GOP/s"));
  return [...products, ...attention];
}

function machineName(): string {
  const { model = Deno.build.arch } = cpus()[0] ?? {};
  return `${model}, ${navigator.hardwareConcurrency} virtual cores, ${Deno.build.os}`;
}

if (import.meta.main) await main();
