/**
 * How near the embedded model's captions come to those that PyTorch made in f32 from the same weights, for pictures that are kept
 * beside the repository. Prints one JSON object. Usage: deno task reference [--kernels BUILD] [--lazy off|gla|vla]
 * [--from N] [--to N]
 */
import { parseArgs } from "node:util";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import type { Captioner } from "../../sdk/captioner.ts";
import { bleu4 } from "../../sdk/evaluate/bleu.ts";
import { ciderD } from "../../sdk/evaluate/cider.ts";
import type { LazyOption } from "../../sdk/lazy/option.ts";
import { load } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { hasShared, shared, sharedJson } from "../shared.ts";

interface Expected {
  captions: { file: string; caption: string }[];
  captions_gla: { file: string; caption: string }[];
  captions_vla: { file: string; caption: string }[];
}

/** The embedded model's captions and the reference's, picture by picture. */
export interface Comparison {
  readonly file: string;
  readonly got: string;
  readonly want: string;
}

/** The ways for which there is a reference, and where it is. */
const REFERENCES = { off: "captions", gla: "captions_gla", vla: "captions_vla" } as const;
export type Lazy = keyof typeof REFERENCES;

/** The embedded model, from the repository. */
export async function embeddedModel(build?: KernelBuild, lazy: LazyOption = "off"): Promise<Captioner> {
  const read = async (name: string) =>
    bytesSource(await Deno.readFile(new URL(`../../models/nano/${name}`, import.meta.url)), name);
  return await load({
    text: await read("nano-text-q4_0.gguf"),
    vision: await read("nano-mmproj-q8_0.gguf"),
    ...(build ? { build } : {}),
    lazy,
  });
}

/** Captions of the listed pictures from `from` to `to`, as the reference made them: greedy, at most 26 tokens. */
export async function compare(
  captioner: Captioner,
  from: number,
  to: number,
  lazy: Lazy = "off",
): Promise<Comparison[]> {
  const expected = await sharedJson<Expected>("models/nano/expected.json");
  const result: Comparison[] = [];
  for (const { file, caption } of expected[REFERENCES[lazy]].slice(from, to)) {
    const picture = await Deno.readFile(shared(`data/captions/${file}`));
    const { text } = await captioner.caption(picture, { maxTokens: 26 }).result;
    result.push({ file, got: text.trim(), want: caption });
  }
  return result;
}

/** Share of comparisons for which a test holds. */
export function share(comparisons: readonly Comparison[], holds: (c: Comparison) => boolean): number {
  return comparisons.filter(holds).length / comparisons.length;
}

const firstWord = (text: string) => text.split(" ")[0];
export const sameStart = (c: Comparison) => firstWord(c.got) === firstWord(c.want);
export const sameCaption = (c: Comparison) => c.got === c.want;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kernels: { type: "string" },
      lazy: { type: "string" },
      from: { type: "string" },
      to: { type: "string" },
    },
  });
  if (!hasShared("models/nano/expected.json")) Deno.exit(1);
  const lazy = (values.lazy ?? "off") as Lazy;
  if (!(lazy in REFERENCES)) {
    throw new RangeError(`--lazy is ${lazy}, it must be ${Object.keys(REFERENCES).join(" or ")}`);
  }
  const captioner = await embeddedModel(values.kernels as KernelBuild | undefined, lazy);
  const comparisons = await compare(captioner, Number(values.from ?? 0), Number(values.to ?? 500), lazy);
  const lines = (await Deno.readTextFile(shared("data/captions.jsonl"))).trim().split("\n");
  const human = new Map(
    lines.map((line) => JSON.parse(line)).map(({ file, captions }) => [file, captions as string[]]),
  );
  const references = comparisons.map(({ file }) => human.get(file)!);
  const score = (captions: string[]) => ({
    ciderD: ciderD(captions, references),
    bleu4: bleu4(captions, references),
  });
  const report = {
    backend: captioner.backend,
    lazy,
    kvBytes: captioner.memory.kvBytes,
    pictures: comparisons.length,
    sameFirstWord: share(comparisons, sameStart),
    sameCaption: share(comparisons, sameCaption),
    got: score(comparisons.map(({ got }) => got)),
    reference: score(comparisons.map(({ want }) => want)),
  };
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(report) + "\n"));
}

if (import.meta.main) await main();
