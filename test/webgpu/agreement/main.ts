/**
 * How a GPU follows the CPU: greedy answers of the CPU about real pictures, token by token, on the embedded model; and on a
 * seeded pair of SmolVLM-256M's shape, which is written into a temporary folder (250 MB).
 * Usage: deno task gpu:agreement [--pictures N] [--tokens N] [--only nano|smolvlm] [--vision gpu|cpu]
 *   [--limits adapter|default] [--photos] [--exact] [--write] [--out DIR]
 * --exact: the CPU computes with f32 activations, as the GPU does, and not with 8 bits.
 * --photos takes cuts of the photos in examples/ in the place of pictures that are not in this repository.
 * --vision cpu gives the GPU the CPU's image tokens. --limits default asks for no more than every WebGPU has.
 * Ends with 1 where fewer than 99 % of the tokens agree.
 */
import { parseArgs } from "node:util";
import { openProbe, type Probe } from "../../../sdk/probe.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import { readCaptions } from "../../../src/cli/dataset.ts";
import { generateModel, SHAPES } from "../../bench/generate_model.ts";
import { NANO, type PairPaths } from "../../bench/model.ts";
import { machineName, saveReport } from "../../bench/report.ts";
import { shared } from "../../shared.ts";
import { wrappedGpu } from "../stub_gpu.ts";
import { cutsOf } from "./cuts.ts";
import { type Agreement, agreementOn, decidedShare, equalShare } from "./agreement.ts";
import { markdown } from "./report.ts";

const MIB = 2 ** 20;
const BOUND = 0.99;
/** Tokens of the seeded model's answers, whose ends mean nothing. */
const SEEDED_TOKENS = 32;
const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ pictures: { type: "string", default: "50" }, tokens: { type: "string", default: "24" } },
      ...{ only: { type: "string" }, vision: { type: "string", default: "gpu" }, out: { type: "string" } },
      ...{ limits: { type: "string", default: "adapter" }, photos: { type: "boolean", default: false } },
      ...{ exact: { type: "boolean", default: false } },
      ...{ write: { type: "boolean", default: false } },
    },
  });
  const models = values.only === undefined ? MODELS : [oneOf("--only", values.only, MODELS)];
  const options = {
    vision: oneOf("--vision", values.vision, ["gpu", "cpu"] as const),
    defaultLimits: oneOf("--limits", values.limits, ["adapter", "default"] as const) === "default",
    ofExamples: values.photos,
    exact: values.exact,
    pictures: whole("--pictures", values.pictures),
    tokens: whole("--tokens", values.tokens),
  };
  const results: Record<string, Agreement> = {};
  let device = "";
  for (const model of models) {
    const found = model === "nano" ? await onNano(options) : await onSeeded(options);
    results[model] = found.agreement;
    device = found.device;
  }
  const page = markdown({
    ...{ date: new Date().toISOString().slice(0, 10), machine: machineName(), deno: Deno.version.deno, device },
    ...{ vision: options.vision, limits: values.limits, results, ofExamples: options.ofExamples, exact: options.exact },
  });
  if (values.write) await saveReport(values.out, "agreement", page, { device, results });
  await Deno.stdout.write(new TextEncoder().encode(page));
  const { nano, smolvlm } = results;
  // what a seeded model says is noise, whose best tokens are often nearer to each other than 8 bits can tell
  if ((nano && equalShare(nano) < BOUND) || (smolvlm && decidedShare(smolvlm) < BOUND)) Deno.exit(1);
}

const MODELS = ["nano", "smolvlm"] as const;

interface Options {
  readonly vision: "gpu" | "cpu";
  readonly defaultLimits: boolean;
  /** Cuts of the examples' photos. */
  readonly ofExamples: boolean;
  /** The CPU's activations are f32. */
  readonly exact: boolean;
  readonly pictures: number;
  readonly tokens: number;
}

async function onNano(options: Options) {
  const pictures = options.ofExamples ? cutsOf(await photos()) : bytesOf(await captioned());
  return await compare(NANO, first(pictures, options.pictures), { ...options, ignoreEnd: false }, 64 * MIB);
}

async function onSeeded(options: Options) {
  const folder = await Deno.makeTempDir();
  try {
    const pair = await generateModel(folder, SHAPES.smolvlm_256m, "Q8_0");
    return await compare(
      pair,
      (await photos()).slice(0, 1),
      { ...options, tokens: SEEDED_TOKENS, ignoreEnd: true },
      768 * MIB,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function compare(
  pair: PairPaths,
  pictures: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { tokens, vision, ignoreEnd, defaultLimits, exact }: Options & { ignoreEnd: boolean },
  memoryBudget: number,
) {
  const sources = [fileSource(pair.text), fileSource(pair.vision)] as const;
  const open = { text: sources[0], vision: sources[1], contextTokens: 256, memoryBudget };
  const wrapped = await wrappedGpu({ defaultLimits });
  const probes: Probe[] = [];
  const opened = async (options: Parameters<typeof openProbe>[0]) => {
    const probe = await openProbe(options);
    probes.push(probe);
    return probe;
  };
  try {
    const cpu = await opened(exact ? { ...open, build: "plain" } : open);
    const gpu = await opened({ ...open, backend: "webgpu", gpu: wrapped.gpu });
    let reference: Promise<Probe> | undefined;
    const sides = { cpu, gpu, reference: () => reference ??= opened({ ...open, build: "plain" }) };
    const agreement = await agreementOn(sides, pictures, {
      ...{ maxTokens: tokens, vision, ignoreEnd },
      onPicture: ({ pictures: done, tokens, equal }) => say(`${done} pictures: ${equal} of ${tokens} tokens`),
    });
    return { agreement, device: wrapped.device.adapterInfo.description };
  } finally {
    for (const probe of probes) await probe.close();
    for (const source of sources) await source.close();
  }
}

async function captioned(): Promise<string[]> {
  const items = await readCaptions(shared("data/captions.jsonl").pathname, shared("data/captions/").pathname);
  return items.map(({ path }) => path);
}

async function photos(): Promise<Uint8Array[]> {
  const folder = new URL("../../../examples/photos/", import.meta.url);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.endsWith(".jpg"));
  return await Promise.all(names.toSorted().map((name) => Deno.readFile(new URL(name, folder))));
}

async function* first(pictures: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  for await (const picture of pictures) {
    if (count-- <= 0) return;
    yield picture;
  }
}

async function* bytesOf(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) yield await Deno.readFile(path);
}

function whole(option: string, value: string): number {
  const count = Number(value);
  if (!Number.isSafeInteger(count) || count < 1) throw new RangeError(`${option} is ${value}, it must be 1 or more`);
  return count;
}

function oneOf<T extends string>(option: string, value: string, all: readonly T[]): T {
  const found = all.find((name) => name === value);
  if (found === undefined) throw new RangeError(`${option} is "${value}", it must be ${all.join(" or ")}`);
  return found;
}

await main();
