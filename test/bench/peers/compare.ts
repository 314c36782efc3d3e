/** The product and its peers on the same work in the same rounds. */
import { FORMATS, LayerBench, type LayerName, LAYERS } from "../layers.ts";
import { interleave, median } from "../measure.ts";
import type { TextEngine, TileEngine } from "./engine.ts";
import type { TextType } from "./install.ts";
import { KINDS, onnxJobs } from "./onnxruntime.ts";

/** One number of one engine; more is better. */
export interface Measured {
  readonly what: string;
  readonly engine: string;
  readonly value: number;
  readonly unit: "tokens/s" | "tiles/s" | "GOP/s";
}

const PROMPTS = [64, 512];
const DECODE_TOKENS = 16;

/**
 * Prompts of 64 and 512 tokens and decoding after each; medians, the engines taking turns.
 *
 * @param type What the engines' file has its matrices in.
 * @param rounds How many turns an engine takes.
 */
export async function compareText(
  type: TextType,
  engines: readonly TextEngine[],
  rounds: (engine: TextEngine) => number,
): Promise<Measured[]> {
  // the engines compile and touch their weights first
  for (const engine of engines) await engine.answer(64, 4, 1);
  const result: Measured[] = [];
  for (const tokens of PROMPTS) {
    const times = engines.map((): { prompt: number; decode: number }[] => []);
    for (let round = 0; round < Math.max(...engines.map(rounds)); round++) {
      for (const [i, engine] of engines.entries()) {
        if (round < rounds(engine)) times[i]!.push(await engine.answer(tokens, DECODE_TOKENS, 100 * tokens + round));
      }
    }
    for (const [i, { name: engine }] of engines.entries()) {
      const of = (pick: "prompt" | "decode") => median(times[i]!.map((t) => t[pick]));
      result.push({ what: `${type}, prompt of ${tokens}`, engine, value: of("prompt"), unit: "tokens/s" });
      result.push({ what: `${type}, decode after ${tokens}`, engine, value: of("decode"), unit: "tokens/s" });
    }
  }
  return result;
}

/** One tile into image tokens; medians of `rounds`, the engines taking turns. */
export async function compareTiles(engines: readonly TileEngine[], rounds: number): Promise<Measured[]> {
  for (const engine of engines) await engine.tileMs();
  const times = engines.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, engine] of engines.entries()) times[i]!.push(await engine.tileMs());
  }
  const what = "ViT-B/16 tile, 224 px";
  return engines.map(({ name: engine }, i) => ({ what, engine, value: 1000 / median(times[i]!), unit: "tiles/s" }));
}

export const LAYER_ROWS = [1, 64, 256, 1024];

/** All linears of a layer; names as `loris q4` and `onnxruntime dq8`. */
export async function compareLayers(onnxruntime: string, graphs: string, rounds: number): Promise<Measured[]> {
  const jobs = await onnxJobs(onnxruntime, graphs, LAYER_ROWS);
  for (const layer of Object.keys(LAYERS) as LayerName[]) {
    for (const [format, value] of Object.entries(FORMATS)) {
      const bench = await LayerBench.create(layer, value, Math.max(...LAYER_ROWS));
      for (const rows of LAYER_ROWS) jobs.push(bench.job(`${layer} ${format}, M = ${rows}`, rows));
    }
  }
  const timings = await interleave(jobs, rounds);
  return timings.map(({ name, perSecond }) => {
    const [layer, kind, rows] = /^(\w+) (\w+), (M = \d+)$/.exec(name)!.slice(1) as [string, string, string];
    const engine = `${(KINDS as readonly string[]).includes(kind) ? "onnxruntime" : "loris"} ${kind}`;
    return { what: `${layer} layer, ${rows}`, engine, value: perSecond / 1e9, unit: "GOP/s" };
  });
}
