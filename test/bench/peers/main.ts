/**
 * The product beside other engines on the same files, in the same run. Installs them into .bench/peers first.
 * Usage: deno task bench:peers [--json] [--out DIR] [--rounds N] [--native] [--only text|tile|layers]
 * --native compiles llama.cpp too, once, which takes minutes. With --json the last line printed is one object.
 */
import { parseArgs } from "node:util";
import { generateModel, SHAPES } from "../generate_model.ts";
import type { PairPaths } from "../model.ts";
import { machineName, saveReport } from "../report.ts";
import { compareLayers, compareText, compareTiles, type Measured } from "./compare.ts";
import type { TextEngine } from "./engine.ts";
import { FOLDER, installPeers, type Peers, TEXT_TYPES, VERSIONS } from "./install.ts";
import { nativeLlama } from "./native_llama.ts";
import { writeGraphs } from "./onnxruntime.ts";
import { productText, productTile } from "./product.ts";
import { ratiosOf } from "./ratios.ts";
import { chart, markdown, type PeersReport } from "./report.ts";
import { wllamaText, wllamaTile } from "./wllama.ts";

const PARTS: readonly string[] = ["text", "tile", "layers"];
const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
/** Progress and what is left out; standard output is the result's. */
const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));

/** An engine, or none and a line that says why. */
async function orLeftOut<T>(name: string, open: () => Promise<T>): Promise<T[]> {
  try {
    return [await open()];
  } catch (error) {
    say(`${name} is left out: ${error instanceof Error ? error.message : error}`);
    return [];
  }
}

async function text(peers: Peers, encoder: string, rounds: number): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const type of TEXT_TYPES) {
    const { wllama, llamaPython, smollm2: { [type]: file } } = peers;
    if (file === undefined) continue;
    const engines: TextEngine[] = [await productText(file, encoder)];
    if (wllama) engines.push(...await orLeftOut("wllama", () => wllamaText(wllama, file)));
    if (llamaPython) engines.push(...await orLeftOut("native llama.cpp", () => nativeLlama(llamaPython, file)));
    // half a minute a round: two must do for the files beside the published one, and of two the median is the better
    const roundsOf = ({ name }: TextEngine) => type !== "Q4_1" && name === "wllama" ? Math.min(2, rounds) : rounds;
    measured.push(...await compareText(type, engines, roundsOf));
    for (const engine of engines) await engine.close();
  }
  return measured;
}

async function tiles(peers: Peers, pair: PairPaths, rounds: number): Promise<Measured[]> {
  const { wllama } = peers;
  if (!wllama) return [];
  const photo = await Deno.readFile(new URL("../../../examples/photos/chelsea.jpg", import.meta.url));
  const peer = await orLeftOut("wllama's tile", () => wllamaTile(wllama, pair.text, pair.vision, photo));
  const engines = [await productTile(pair), ...peer];
  const measured = await compareTiles(engines, rounds);
  for (const engine of engines) await engine.close();
  return measured;
}

async function layers(peers: Peers, rounds: number): Promise<Measured[]> {
  if (!peers.onnxruntime || !peers.onnxPython) return [];
  const graphs = `${FOLDER}models/onnx`;
  await writeGraphs(peers.onnxPython, graphs);
  return await compareLayers(peers.onnxruntime, graphs, rounds);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean" },
      native: { type: "boolean", default: false },
      out: { type: "string" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}, it must be 1 or more`);
  if (values.only !== undefined && !PARTS.includes(values.only)) {
    throw new Error(`--only is "${values.only}", it must be one of ${PARTS.join(", ")}`);
  }
  const wanted = (part: string) => values.only === undefined || values.only === part;
  const peers = await installPeers(values.native, say);
  const pair = await generateModel(`${FOLDER}models/vit_b`, SHAPES.vit_b, "Q8_0");
  const measured: Measured[] = [];
  if (wanted("layers")) measured.push(...await layers(peers, rounds));
  if (wanted("text")) measured.push(...await text(peers, pair.vision, rounds));
  if (wanted("tile")) measured.push(...await tiles(peers, pair, rounds));
  const report: PeersReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    versions: { deno: Deno.version.deno, v8: Deno.version.v8, ...VERSIONS },
    goals: ratiosOf(measured),
    results: measured,
  };
  const ratios = Object.fromEntries(report.goals.map(({ name, value }) => [name, value]));
  const page = markdown(report);
  await saveReport(values.out, "peers", page, { ratios, ...report }, chart(report));
  await print(page);
  if (values.json) await print(JSON.stringify({ ratios, ...report }));
  // wllama's workers would keep the process
  Deno.exit(0);
}

await main();
