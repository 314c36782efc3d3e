/**
 * The product beside onnxruntime-web, which transformers.js computes with, on the same GPU: SmolVLM-256M's shape with fewer
 * layers, seeded weights, the same numbers for all. Prints a table, and with `--write NAME` puts it into
 * docs/bench/gpu_peers_NAME.md.
 *
 * Usage: deno task bench:gpu:peers [--layers N] [--onnxruntime FOLDER] [--write NAME]
 * Without a folder of its modules onnxruntime-web is installed into .bench/peers.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { generateModel, type ModelShape, SHAPES } from "../../generate_model.ts";
import { onnxruntimeFolder, VERSIONS } from "../../peers/install.ts";
import { BENCH_FOLDER, machineName } from "../../report.ts";
import { compare, worksOf } from "./compare.ts";
import { openDevice } from "./device.ts";
import type { Engine } from "./job.ts";
import { KINDS } from "./linears.ts";
import { openLoris } from "./loris.ts";
import { loadRuntime, openOnnxruntime } from "./onnxruntime.ts";

const PROMPTS = [128, 1024];
const CONTEXT_TOKENS = 1024 + 64;
const ROUNDS = 5;
/** The least that the seeded tokenizer can have: embeddings and the output layer are not measured. */
const VOCABULARY = 8196;

const { values: options } = parseArgs({
  options: {
    layers: { type: "string", default: "3" },
    onnxruntime: { type: "string" },
    write: { type: "string" },
  },
});
const lines: string[] = [];
// deno-lint-ignore no-console -- what it prints is what it is for
const print = (line = "") => void (lines.push(line), console.log(line));

const layers = Number(options.layers);
if (!(Number.isInteger(layers) && layers > 0)) throw new RangeError(`--layers is ${options.layers}, not 1 or more`);
const { text, vision } = SHAPES.smolvlm_256m;
const shape: ModelShape = { text: { ...text, layers, vocabulary: VOCABULARY }, vision: { ...vision, layers } };
const module = `file://${resolve(options.onnxruntime ?? await onnxruntimeFolder())}/ort.webgpu.min.mjs`;
const { device, description } = await openDevice((words) =>
  print(`| the device refuses a command: ${oneLine(words)} | | | | |`)
);

print(`# Loris and onnxruntime-web on WebGPU, ${description}`);
print();
print(`Printed by \`deno task bench:gpu:peers\` on ${new Date().toISOString().slice(0, 10)}. ${machineName()}. Deno `);
print(`${Deno.version.deno}, onnxruntime-web ${VERSIONS.onnxruntimeWeb} (\`ort.webgpu\`, one thread). SmolVLM-256M's `);
print(
  `encoder and decoder of ${layers} layers, seeded; Loris reads Q4_0. The same numbers for all; medians of ${ROUNDS} `,
);
print("turns. The last column is the squared distance from Loris's result, over its square.");
print();
const engines = await open();
print("| | engine | a second | Loris is faster by | distance |");
print("| --- | --- | --- | --- | --- |");
for (const work of worksOf(PROMPTS)) {
  const leftOut = ({ name }: Engine, error: unknown) => print(`| ${work.name} | ${name} | ${wordsOf(error)} | | |`);
  for (const { engine, perSecond, ratio, error } of await compare(work, engines, ROUNDS, leftOut)) {
    const speed = perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toPrecision(3);
    print(`| ${work.name} | ${engine} | ${speed} ${work.unit} | ${ratio.toFixed(2)} x | ${error.toExponential(1)} |`);
  }
}
for (const engine of engines) await engine.close();
if (options.write) await Deno.writeTextFile(`${BENCH_FOLDER}/gpu_peers_${options.write}.md`, lines.join("\n") + "\n");
Deno.exit(0);

/** All engines that can be opened; of the others a line says why they cannot. */
async function open(): Promise<Engine[]> {
  const folder = await Deno.makeTempDir();
  const engines = [await openLoris(device, await generateModel(folder, shape, "Q4_0"), CONTEXT_TOKENS)];
  await Deno.remove(folder, { recursive: true });
  const runtime = await loadRuntime(module);
  for (const kind of KINDS) {
    try {
      engines.push(await openOnnxruntime(runtime, device, shape, kind, CONTEXT_TOKENS));
    } catch (error) {
      print(`onnxruntime-web ${kind} is left out: ${wordsOf(error)}`);
      print();
    }
  }
  return engines;
}

function wordsOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}

/** As it can stand in a table. */
function oneLine(words: string): string {
  return words.replaceAll("\n", " ").replaceAll("|", "/");
}
