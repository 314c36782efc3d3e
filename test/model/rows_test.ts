/** Rows that go through a network together: the backend says how many are best, the budget how many there are. */
import assert from "node:assert/strict";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { assemble, type AssembleOptions, planModel } from "../../sdk/model/assemble.ts";
import { checkPair } from "../../sdk/model/pair.ts";
import { loadWeights } from "../../sdk/model/weights.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";

const MIB = 2 ** 20;
const files = await Promise.all(["text-q4_0", "mmproj-q8_0"].map(async (name) => {
  const url = new URL(`../../models/nano/nano-${name}.gguf`, import.meta.url);
  return await openGguf(bytesSource(await Deno.readFile(url), url.pathname));
}));
const pair = checkPair(files[0]!, files[1]!);

/** The CPU's operations, for as many rows as a GPU's. */
async function backend(rowsTogether: number, bytes: number) {
  const made = await WasmBackend.create(await packagedKernels("relaxed"), "relaxed", bytes);
  return Object.assign(made, { rowsTogether });
}

async function planned(rowsTogether: number, options: Partial<AssembleOptions>) {
  const { memoryBudget = 512 * MIB } = options;
  const b = await backend(rowsTogether, memoryBudget);
  const all = { weights: "auto", contextTokens: undefined, ...options, memoryBudget } as const;
  const plan = planModel(b, pair, all);
  return { b, plan, bytes: plan.parts.reduce((sum, part) => sum + part.bytes, 0) };
}

Deno.test("a budget takes rows before it takes context, and no fewer than 128", async () => {
  const roomy = await planned(1024, {});
  assert.equal(roomy.plan.choice.rows, 1024);
  const seen = [];
  for (let { bytes } = roomy; seen.at(-1) !== 128;) {
    const { plan, bytes: less } = await planned(1024, { memoryBudget: bytes - 1 });
    assert.ok(less < bytes);
    assert.equal(plan.choice.contextTokens, roomy.plan.choice.contextTokens);
    seen.push(plan.choice.rows);
    bytes = less;
  }
  assert.deepEqual(seen, [512, 256, 128]);
});

Deno.test("an answer has the same bits whatever number of rows goes together", async () => {
  const ids = Array.from({ length: 300 }, (_, i) => (i * 977 + 13) % pair.languageConfig.vocabulary);
  const side = pair.visionConfig.imageSize;
  const rgb = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255);
  const results = [];
  for (const rows of [128, 512]) {
    const { b, plan } = await planned(rows, { contextTokens: 400 });
    assert.equal(plan.choice.rows, rows);
    const model = assemble(b, pair, plan);
    await loadWeights(b, model.placed, model.scratch);
    const { vlm, cache } = model;
    const image = await vlm.imageTokens(rgb);
    const { logits } = await vlm.prefill(cache, [{ kind: "embeddings", rows: image }, { kind: "text", ids }]);
    results.push([image, await b.read(logits, vlm.language.config.vocabulary)]);
  }
  assert.ok(results[0]!.every((part) => part.some((value) => value !== 0)));
  assert.deepEqual(results[1], results[0]);
});
