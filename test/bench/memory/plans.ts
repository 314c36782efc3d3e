/**
 * What models take under settings: plans alone, nothing is loaded. SmolVLM's shapes are planned from the headers of seeded
 * pairs, whose weights are not written.
 * Usage: deno task memory:table [--write] [--out DIR]
 */
import { parseArgs } from "node:util";
import { type GgufFile, openGguf } from "../../../sdk/gguf/gguf.ts";
import { type FitOptions, fitVerdict } from "../../../sdk/inspect.ts";
import { packagedKernels } from "../../../sdk/load.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import { modelHeaders, SHAPES } from "../generate_model.ts";
import { NANO } from "../model.ts";
import { saveReport } from "../report.ts";

const PAGE_BYTES = 65536;
/** More than any of them takes. */
const AMPLE_PAGES = 2 ** 15;

type Setting = Omit<FitOptions, "memoryBudget">;

/** From the best and largest to what fits least. */
export const SETTINGS: readonly Setting[] = [
  { weights: "auto", visionWeights: "resident", contextTokens: 2048 },
  { weights: "auto", visionWeights: "resident", contextTokens: 512 },
  { weights: "q8", visionWeights: "resident", contextTokens: 512, conversations: 8 },
  { weights: "q4", visionWeights: "resident", contextTokens: 2048 },
  { weights: "q4", visionWeights: "resident", contextTokens: 512 },
  { weights: "q4", visionWeights: "resident", contextTokens: 512, kv: "q8" },
  { weights: "q4-all", visionWeights: "resident", contextTokens: 512, kv: "q8" },
  { weights: "q4-all", visionWeights: "streamed", contextTokens: 512, kv: "q8" },
  { weights: "q4-all", visionWeights: "streamed", contextTokens: 256, kv: "q8" },
];

/** A pair's headers. */
export interface Pair {
  readonly text: GgufFile;
  readonly vision: GgufFile;
}

/** The least `memoryBudget`, in whole pages, under which a pair is loaded in just this setting. */
export async function leastBudget({ text, vision }: Pair, setting: Setting): Promise<number> {
  const kernels = await packagedKernels("simd128");
  const wanted = setting.weights === "auto" ? "file" : setting.weights;
  let [refused, taken] = [0, AMPLE_PAGES];
  while (taken - refused > 1) {
    const pages = Math.floor((refused + taken) / 2);
    const verdict = await fitVerdict(text, vision, kernels, { ...setting, memoryBudget: pages * PAGE_BYTES });
    const fits = verdict.fits && verdict.weights === wanted && verdict.contextTokens === setting.contextTokens;
    [refused, taken] = fits ? [refused, pages] : [pages, taken];
  }
  return taken * PAGE_BYTES;
}

async function nano(): Promise<Pair> {
  const [text, vision] = [fileSource(NANO.text), fileSource(NANO.vision)];
  try {
    return { text: await openGguf(text), vision: await openGguf(vision) };
  } finally {
    await Promise.all([text.close(), vision.close()]);
  }
}

function describe({ weights, visionWeights, contextTokens, kv = "f16", conversations = 1 }: Setting): string {
  const cells = [weights === "auto" ? "as in the file" : weights, visionWeights, contextTokens, kv, conversations];
  return cells.join(" | ");
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { write: { type: "boolean", default: false }, out: { type: "string" } } });
  const models = {
    nano: await nano(),
    "SmolVLM-256M, Q8_0": await modelHeaders(SHAPES.smolvlm_256m, "Q8_0"),
    "SmolVLM-500M, Q8_0": await modelHeaders(SHAPES.smolvlm_500m, "Q8_0"),
  };
  const columns: number[][] = [];
  for (const pair of Object.values(models)) {
    columns.push(await Promise.all(SETTINGS.map((setting) => leastBudget(pair, setting))));
  }
  const page = [
    "# Memory by setting\n",
    "Printed by `deno task memory:table`: the least `memoryBudget` of a setting, picture decoder included; with more, more " +
    "rows go through the networks together. SmolVLM's files are planned from headers of their shapes in 8 bits. What the " +
    "runtime itself takes comes on top ([measured](memory.md)).\n",
    `| weights | encoder's layers | context, tokens | KV cache | conversations | ${Object.keys(models).join(" | ")} |`,
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...SETTINGS.map((setting, i) =>
      `| ${describe(setting)} | ${columns.map((column) => `${(column[i]! / 2 ** 20).toFixed(1)} MiB`).join(" | ")} |`
    ),
  ].join("\n") + "\n";
  if (values.write) {
    await saveReport(values.out, "plans", page, { settings: SETTINGS, models: Object.keys(models), bytes: columns });
  }
  await Deno.stdout.write(new TextEncoder().encode(page));
}

if (import.meta.main) await main();
