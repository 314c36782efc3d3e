/** How important image tokens are, against attention that is computed here from the encoder's own queries and keys. */
import assert from "node:assert/strict";
import { generateModel, type ModelShape } from "../bench/generate_model.ts";
import { BUILDS } from "../ops/harness.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import { checkPair, type Pair } from "../../sdk/model/pair.ts";
import { Vision } from "../../sdk/model/vision.ts";
import { loadScratchBytes, loadWeights, placeWeights } from "../../sdk/model/weights.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";

const LAYERS = 4;
const MEASURED = 2;
/** 576 patches: chunks of 128 and one of 64; the weights of 128 rows are over 1 MiB, so that they attend in halves. */
const SHAPE: ModelShape = {
  text: { layers: 1, width: 64, heads: 2, kvHeads: 1, hidden: 96, vocabulary: 8300 },
  vision: { layers: LAYERS, width: 64, heads: 4, hidden: 96, side: 96, patch: 4, shuffle: 3 },
};
const GRID = 24;
const PATCHES = GRID * GRID;

const folder = await Deno.makeTempDir();
const files = await generateModel(folder, SHAPE, "F16", 5);
const [text, vision] = await Promise.all(
  [files.text, files.vision].map(async (path) => openGguf(bytesSource(await Deno.readFile(path), path))),
);
await Deno.remove(folder, { recursive: true });
const pair: Pair = checkPair(text!, vision!);
const rgb = new Uint8Array(96 * 96 * 3).map((_, i) => (i * 7 + (i >> 5) * 31) % 256);

async function openVision(build: KernelBuild, measuresImportance: boolean) {
  const backend = await WasmBackend.create(await packagedKernels(build), build, 64 * 2 ** 20);
  const plan = new MemoryPlan(backend.base);
  const { vision: weights, placed } = placeWeights(plan, backend, pair.languageTensors, pair.visionTensors, "file");
  const options = { measuresImportance, rows: 128 };
  const bytes = Vision.scratchBytes(backend, pair.visionConfig, options);
  const scratch = plan.reserve("scratch", Math.max(bytes, loadScratchBytes(backend, placed)));
  const tokens = plan.reserve("tokens", pair.visionConfig.tokens * pair.visionConfig.projection * 4);
  backend.reserve(plan.end);
  await loadWeights(backend, placed, scratch);
  const encoder = new Vision(backend, pair.visionConfig, weights, scratch, options);
  const encode = async () => {
    await encoder.encode(tokens, rgb, new Pacer());
    return backend.floats(tokens, pair.visionConfig.tokens * pair.visionConfig.projection).slice();
  };
  return { backend, encoder, encode, bytes };
}

/** f32 [patches, width] of a layer, as rows were given to the backend. */
interface Seen {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
}

/** Keeps the queries and keys of every layer that `backend` computes from now on. */
function watch(backend: WasmBackend): Seen[] {
  const layers: Seen[] = [];
  const { width } = pair.visionConfig;
  let queried = PATCHES;
  const { storeKeys, attention } = WasmBackend.prototype;
  backend.storeKeys = (cache, x, row, rows) => {
    if (row === 0) {
      assert.equal(queried, PATCHES, "every patch has attended before the next layer");
      queried = 0;
      layers.push({ queries: new Float32Array(PATCHES * width), keys: new Float32Array(PATCHES * width) });
    }
    layers.at(-1)!.keys.set(backend.floats(x, rows * width), row * width);
    storeKeys.call(backend, cache, x, row, rows);
  };
  backend.attention = (...args: Parameters<typeof attention>) => {
    const [, q, , , rows] = args;
    layers.at(-1)!.queries.set(backend.floats(q, rows * width), queried * width);
    queried += rows;
    attention.apply(backend, args);
  };
  return layers;
}

/** Attention that each image token receives in these layers, in f64. */
function received(layers: readonly Seen[]): Float64Array {
  const { heads, headWidth, width, tokens } = pair.visionConfig;
  const { shuffle } = SHAPE.vision;
  const sums = new Float64Array(tokens);
  for (const { queries, keys } of layers) {
    for (let head = 0; head < heads; head++) {
      for (let from = 0; from < PATCHES; from++) {
        const weights = Float64Array.from({ length: PATCHES }, (_, to) => {
          let score = 0;
          for (let i = head * headWidth; i < (head + 1) * headWidth; i++) {
            score += queries[from * width + i]! * keys[to * width + i]!;
          }
          return Math.exp(score / Math.sqrt(headWidth));
        });
        const sum = weights.reduce((a, b) => a + b);
        for (const [to, weight] of weights.entries()) {
          const [row, column] = [Math.floor(to / GRID / shuffle), Math.floor(to % GRID / shuffle)];
          sums[row * (GRID / shuffle) + column]! += weight / sum;
        }
      }
    }
  }
  return sums;
}

for (const build of BUILDS) {
  Deno.test(`Vision on ${build}: importance is the attention that a token's patches receive in the last layers`, async () => {
    const { backend, encoder, encode } = await openVision(build, true);
    const layers = watch(backend);
    await encode();
    assert.equal(layers.length, LAYERS);
    const want = received(layers.slice(-MEASURED));
    const got = encoder.importance!.slice();
    const spread = Math.max(...want) - Math.min(...want);
    assert.ok(spread > 0.05 * Math.max(...want), "tokens do not differ enough to be told apart");
    for (const [token, value] of want.entries()) {
      assert.ok(Math.abs(got[token]! - value) < 1e-3 * spread, `token ${token}: ${got[token]}, wanted ${value}`);
    }
    const sum = got.reduce((a, b) => a + b);
    const all = MEASURED * pair.visionConfig.heads * PATCHES;
    assert.ok(Math.abs(sum - all) < 1e-4 * all, `the sum is ${sum}, wanted ${all}`);
    await encode();
    assert.deepEqual(encoder.importance, got, "the next tile begins from zero");
  });

  Deno.test(`Vision on ${build}: to measure changes no bit of the image tokens; not to measure keeps no weights`, async () => {
    const [measured, plain] = [await openVision(build, true), await openVision(build, false)];
    assert.equal(plain.encoder.importance, undefined);
    const kept: number[] = [];
    const { attention } = WasmBackend.prototype;
    plain.backend.attention = (...args: Parameters<typeof attention>) => {
      kept.push(args[8] ?? 0);
      attention.apply(plain.backend, args);
    };
    plain.backend.attentionReceived = () => assert.fail("nobody asked for it");
    assert.deepEqual(await measured.encode(), await plain.encode());
    assert.deepEqual(kept, new Array(LAYERS * Math.ceil(PATCHES / 128)).fill(0));
    const more = measured.bytes - plain.bytes;
    assert.ok(more > 0 && more <= 2 ** 20 + 4 * PATCHES * 4, `${more} bytes more`);
  });
}
