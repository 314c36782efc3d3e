/** Encoder layers that are streamed: the bits of resident ones, how often they are read, what happens where reading fails. */
import assert from "node:assert/strict";
import type { AssembleOptions } from "../../sdk/model/assemble.ts";
import { LayerRing } from "../../sdk/model/layer_ring.ts";
import type { PromptPiece } from "../../sdk/model/vlm.ts";
import { generateModel, type ModelShape } from "../bench/generate_model.ts";
import { openPair } from "./pair.ts";

const LAYERS = 5;
/** What a pass reads: the layers, and the connector. */
const PARTS = LAYERS + 1;
const SIDE = 64;
const SHAPE: ModelShape = {
  text: { layers: 2, width: 64, heads: 2, kvHeads: 1, hidden: 96, vocabulary: 8300 },
  vision: { layers: LAYERS, width: 64, heads: 2, hidden: 96, side: SIDE, patch: 16, shuffle: 2 },
};
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const seeded = await generateModel(folder, SHAPE, "Q8_0", 7);
const SEEDED = [new URL(`file://${seeded.text}`), new URL(`file://${seeded.vision}`)] as const;
const NANO = ["text-q4_0", "mmproj-q8_0"].map((name) =>
  new URL(`../../models/nano/nano-${name}.gguf`, import.meta.url)
) as [URL, URL];

const open = (
  files: readonly [URL, URL],
  options: Partial<AssembleOptions>,
  build: "simd128" | "relaxed" = "relaxed",
) => openPair(build, ...files, { contextTokens: 320, ...options });

function picture(side: number, seed: number): Uint8Array {
  return new Uint8Array(side * side * 3).map((_, i) => (i * 7 + (i >> 6) * (31 + seed) + seed * 53) % 256);
}

const tile = (seed: number, key?: string): PromptPiece => ({
  kind: "tile",
  rgb: () => picture(SIDE, seed),
  ...(key === undefined ? {} : { key }),
});
const text = (from: number): PromptPiece => ({ kind: "text", ids: [from, from + 1, from + 2] });

async function logitsOf({ vlm, cache }: Awaited<ReturnType<typeof open>>, pieces: PromptPiece[]) {
  cache.truncate(0);
  const { logits } = await vlm.prefill(cache, pieces);
  return await vlm.backend.read(logits, vlm.language.config.vocabulary);
}

for (const [weights, build] of [["auto", "relaxed"], ["q4", "simd128"]] as const) {
  Deno.test(`streamed layers give resident ones' image tokens of nano, bit by bit (${weights}, ${build})`, async () => {
    const tokens = [];
    for (const visionWeights of ["resident", "streamed"] as const) {
      const model = await open(NANO, { weights, visionWeights }, build);
      assert.equal(model.visionWeights, visionWeights);
      const { imageSize, layers } = model.vlm.vision.config;
      // twice: the second pass finds other layers in the slots
      await model.vlm.imageTokens(picture(imageSize, 2));
      tokens.push(await model.vlm.imageTokens(picture(imageSize, 1)));
      assert.equal(model.ring?.layersRead, visionWeights === "streamed" ? 2 * (layers + 1) : undefined);
    }
    assert.ok(tokens[0]!.some((value) => value !== 0));
    assert.deepEqual(tokens[1], tokens[0]);
  });
}

Deno.test("tiles of a prompt share a pass over streamed layers as far as the budget allows, with the same logits", async () => {
  const pieces = [text(5), tile(1), text(9), tile(2), tile(3), text(70), tile(1), text(2)];
  const resident = await logitsOf(await open(SEEDED, { visionWeights: "resident" }), pieces);
  const roomy = await open(SEEDED, { visionWeights: "streamed" });
  assert.deepEqual(await logitsOf(roomy, pieces), resident);
  assert.equal(roomy.ring!.layersRead, PARTS, "four tiles, one pass");
  // one byte less than what two tiles take leaves room for one
  const bytes = (model: typeof roomy) => model.parts.reduce((sum, part) => sum + part.bytes, 0);
  const passes = new Map<number, number>();
  for (let memoryBudget = bytes(roomy) - 1; !passes.has(4);) {
    const model = await open(SEEDED, { visionWeights: "streamed", memoryBudget });
    assert.deepEqual(await logitsOf(model, pieces), resident, `${memoryBudget} bytes`);
    passes.set(model.ring!.layersRead / PARTS, bytes(model));
    assert.ok(bytes(model) <= memoryBudget);
    memoryBudget = bytes(model) - 1;
  }
  assert.deepEqual([...passes.keys()].sort(), [1, 2, 4]);
});

Deno.test("tiles whose image tokens are kept are not read again among tiles that share a pass", async () => {
  const options = { keptTiles: 8 } as const;
  const pieces = [tile(1, "a"), text(5), tile(2, "b"), tile(3, "c"), text(9)];
  const resident = await logitsOf(await open(SEEDED, { ...options, visionWeights: "resident" }), pieces);
  const model = await open(SEEDED, { ...options, visionWeights: "streamed" });
  await logitsOf(model, [tile(2, "b"), text(5)]);
  assert.deepEqual(await logitsOf(model, pieces), resident);
  assert.equal(model.ring!.layersRead, 2 * PARTS);
  assert.deepEqual(await logitsOf(model, pieces), resident);
  assert.equal(model.ring!.layersRead, 2 * PARTS);
});

Deno.test("where importance is measured tiles go alone, with resident layers' choice", async () => {
  const visualTokens = { keep: 2, by: "attention", merge: true, random: () => ({ uniform: () => 0 }) } as const;
  const pieces = [tile(1), text(5), tile(2), tile(3), text(9)];
  const resident = await logitsOf(await open(SEEDED, { visualTokens, visionWeights: "resident" }), pieces);
  const model = await open(SEEDED, { visualTokens, visionWeights: "streamed" });
  assert.deepEqual(await logitsOf(model, pieces), resident);
  assert.equal(model.ring!.layersRead, 3 * PARTS);
});

Deno.test("LayerRing.run() reads a layer while the one before is computed, never into a slot in use", async () => {
  const { vlm, ring } = await open(SEEDED, { visionWeights: "streamed" });
  const read: number[] = [];
  await ring!.run(undefined, async (layer) => {
    const before = ring!.layersRead;
    // time for everything that is being read
    await new Promise((resolve) => setTimeout(resolve, 20));
    read.push(ring!.layersRead - before);
    assert.equal(ring!.layersRead, Math.min(PARTS, layer + 2));
  });
  assert.deepEqual(read, [1, 1, 1, 1, 1, 0]);
  assert.ok(vlm.vision.maxTiles > 1);
});

Deno.test("LayerRing.run() ends with what compute throws, when nothing is being read any more", async () => {
  const { ring } = await open(SEEDED, { visionWeights: "streamed" });
  const reason = new Error("enough");
  await assert.rejects(ring!.run(undefined, () => Promise.reject(reason)), reason);
  const read = ring!.layersRead;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(ring!.layersRead, read);
  assert.ok(ring instanceof LayerRing);
});
