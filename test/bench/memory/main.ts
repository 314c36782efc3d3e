/**
 * What the service takes in workerd and in Deno beyond an empty worker, for the embedded model and for a seeded pair of
 * SmolVLM-256M's shape, which is written into a temporary folder (250 MB).
 * Installs miniflare into .bench/workerd first.
 * Usage: deno task bench:memory [--out DIR] [--requests N] [--only nano|smolvlm] [--runtime workerd|deno]
 */
import { parseArgs } from "node:util";
import { generateModel, SHAPES } from "../generate_model.ts";
import { NANO, type PairPaths } from "../model.ts";
import { machineName, saveReport } from "../report.ts";
import { type Bundle, bundle } from "../workerd/bundle.ts";
import { serveFiles } from "../workerd/file_server.ts";
import { FOLDER, installMiniflare, MINIFLARE } from "../../workerd/miniflare.ts";
import { type Runtime, startDeno, startWorkerd } from "../workerd/runtimes.ts";
import { largePhoto } from "./large_photo.ts";
import { type Growth, measureGrowth, type Subject } from "./measure.ts";
import { markdown } from "./report.ts";

const MIB = 2 ** 20;
const STARTS = { workerd: startWorkerd, deno: startDeno };
type RuntimeName = keyof typeof STARTS;
/** What each model is loaded with: the least budget that it has room in, so that the whole process stays small. */
const MODELS = {
  nano: { budgetBytes: 72 * MIB, contextTokens: 512, kv: "f16" },
  smolvlm: { budgetBytes: 110 * MIB, contextTokens: 256, kv: "q8" },
} as const;
/** Of the requests in a row, those that the large model gets: one takes long. */
const LARGE_SHARE = 0.03;
type ModelName = keyof typeof MODELS;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ out: { type: "string" }, requests: { type: "string", default: "1000" } },
      ...{ only: { type: "string" }, runtime: { type: "string" } },
    },
  });
  const requests = Number(values.requests);
  if (!Number.isInteger(requests) || requests < 10) {
    throw new Error(`--requests is ${values.requests}, it must be 10 or more`);
  }
  const models = chosen("--only", values.only, Object.keys(MODELS) as ModelName[]);
  const runtimes = chosen("--runtime", values.runtime, Object.keys(STARTS) as RuntimeName[]);
  await installMiniflare();
  const folder = await Deno.makeTempDir();
  try {
    const { empty, growth } = await measure(folder, models, runtimes, requests);
    const page = markdown({
      date: new Date().toISOString().slice(0, 10),
      machine: machineName(),
      versions: { deno: Deno.version.deno, miniflare: MINIFLARE },
      ...{ empty, growth },
    });
    if (values.out !== undefined || (values.only === undefined && values.runtime === undefined)) {
      await saveReport(values.out, "memory", page, { empty, growth });
    }
    await Deno.stdout.write(new TextEncoder().encode(page + "\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function chosen<T extends string>(option: string, value: string | undefined, all: readonly T[]): readonly T[] {
  if (value === undefined) return all;
  const found = all.filter((name) => name === value);
  if (found.length === 0) throw new Error(`${option} is "${value}", it must be ${all.join(" or ")}`);
  return found;
}

async function measure(
  folder: string,
  models: readonly ModelName[],
  runtimes: readonly RuntimeName[],
  requests: number,
) {
  const pairs: Record<ModelName, PairPaths> = {
    nano: NANO,
    smolvlm: models.includes("smolvlm") ? await generateModel(folder, SHAPES.smolvlm_256m, "Q8_0") : NANO,
  };
  const files = await bundle(FOLDER, "test/bench/memory/handler.ts");
  const nothing = await emptyBundle(folder);
  const photo = await Deno.readFile(new URL("../../../examples/photos/mountain_path.jpg", import.meta.url));
  const large = largePhoto(4000, 3000);
  const server = serveFiles([...new Set(Object.values(pairs).flatMap(({ text, vision }) => [text, vision]))]);
  const empty: Record<string, number> = {};
  const growth: Growth[] = [];
  try {
    for (const name of runtimes) {
      const emptyBytes = await emptyPeak(await STARTS[name](nothing));
      for (const model of models) {
        const { text, vision } = pairs[model];
        const subject: Subject = {
          ...{ name: model, text: server.url(text), vision: server.url(vision), ...MODELS[model] },
          requests: model === "nano" ? requests : Math.max(10, Math.ceil(requests * LARGE_SHARE)),
        };
        const runtime = await STARTS[name](files);
        empty[runtime.name] = emptyBytes;
        try {
          growth.push(await measureGrowth(runtime, subject, emptyBytes, photo, large));
        } finally {
          await runtime.close();
        }
      }
    }
  } finally {
    await server.close();
  }
  return { empty, growth };
}

/** A worker that answers and does nothing else. */
async function emptyBundle(folder: string): Promise<Bundle> {
  const [handler, wasm] = [`${folder}/empty.mjs`, `${folder}/empty.wasm`];
  await Deno.writeTextFile(handler, `export const createHandler = () => async () => new Response("empty");\n`);
  await Deno.writeFile(wasm, new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  return { handler, relaxed: wasm, simd128: wasm, image: wasm };
}

async function emptyPeak(runtime: Runtime): Promise<number> {
  try {
    for (let i = 0; i < 10; i++) await (await fetch(runtime.url)).text();
    const memory = await runtime.memory();
    if (!memory) throw new Error("this system does not tell a process's memory; run it on Linux");
    return memory.peakBytes;
  } finally {
    await runtime.close();
  }
}

await main();
