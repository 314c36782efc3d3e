import assert from "node:assert/strict";
import { KvFormat, type KvLayer, kvLayerBytes, WeightFormat } from "../../sdk/backend/backend.ts";
import { ATTENTION_CASES } from "./attention_cases.ts";
import { CASES as OTHER_CASES } from "./cases.ts";
import { JOINED_CASES } from "./joined_cases.ts";
import { Bench, BUILDS, bytesOf, normalisedError, numbers } from "./harness.ts";

const CASES = [...OTHER_CASES, ...ATTENTION_CASES, ...JOINED_CASES];

for (const build of BUILDS) {
  Deno.test(`${build}: every operation agrees with its formula in f64`, async (t) => {
    for (const c of CASES) {
      await t.step(c.name, async () => {
        const { got, want } = await c.run(await Bench.create(build));
        const bound = build === "plain" ? c.bound : c.simdBound ?? c.bound;
        const error = normalisedError(got, want);
        assert.ok(error <= bound, `normalised mean square error ${error}, bound ${bound}`);
      });
    }
  });
}

Deno.test("relaxed and simd128 give the same bits in every operation", async () => {
  for (const c of CASES) {
    const a = await c.run(await Bench.create("simd128"));
    const b = await c.run(await Bench.create("relaxed"));
    assert.deepEqual(bytesOf(a.got), bytesOf(b.got), c.name);
  }
});

for (const build of BUILDS) {
  Deno.test(`${build}: argmax takes the first of equals and reports what is not a number`, async () => {
    const bench = await Bench.create(build);
    const x = numbers(22, 1000);
    x[700] = x[300] = 99;
    assert.equal(await bench.backend.argmax(bench.put(x), 1000), 300);
    for (const bad of [NaN, Infinity, -Infinity]) {
      x[999] = bad;
      assert.equal(await bench.backend.argmax(bench.put(x), 1000), -1, String(bad));
    }
  });

  Deno.test(`${build}: a NaN in an activation reaches the result`, async () => {
    const bench = await Bench.create(build);
    const b = bench.backend;
    const matrix = bench.packed(numbers(23, 8 * 64), 8, 64, WeightFormat.q4);
    const x = numbers(24, 64);
    x[40] = NaN;
    const [at, quantized] = [bench.put(x), bench.reserve(b.activationRowBytes(64))];
    b.quantize(quantized, at, 1, 64);
    const dst = bench.reserve(32);
    b.linear(dst, at, quantized, matrix, 0, 1, 0);
    assert.ok((await bench.get(dst, 8)).every(Number.isNaN));
  });

  Deno.test(`${build}: attention by kept probabilities gives the bits of attention, without reading queries or keys`, async () => {
    const bench = await Bench.create(build);
    const b = bench.backend;
    const [rows, heads, kvHeads, headWidth, past, format] = [7, 9, 3, 64, 21, KvFormat.f16];
    const [positions, width] = [past + rows, kvHeads * headWidth];
    const bytes = kvLayerBytes(kvHeads, headWidth, 32, format);
    const layer = (keys: number, seed: number) => {
      const kv = { keys, values: bench.reserve(bytes, "kv cache"), heads: kvHeads, headWidth, capacity: 32, format };
      b.storeValues(kv, bench.put(numbers(seed, positions * width)), 0, positions);
      return kv;
    };
    const [anchor, lazy] = [1, 2].map((seed) => layer(bench.reserve(bytes, "kv cache"), seed)) as [KvLayer, KvLayer];
    b.storeKeys(anchor, bench.put(numbers(3, positions * width)), 0, positions);
    const q = bench.put(numbers(4, rows * heads * headWidth));
    const size = rows * heads * headWidth;
    const [kept, wanted, got] = [0, 1, 2].map(() => bench.reserve(size * 4)) as [number, number, number];
    const scratch = bench.reserve(b.attentionScratch(positions, headWidth) * 4);
    const probabilities = bench.reserve(b.attentionProbabilities(rows, heads, kvHeads, positions) * 4);
    // what is wanted: the lazy layer's values under the anchor's keys
    b.attention(wanted, q, { ...lazy, keys: anchor.keys }, scratch, rows, heads, past, true);
    b.attention(kept, q, anchor, scratch, rows, heads, past, true, probabilities);
    b.attention(got, bench.reserve(size * 4), lazy, scratch, rows, heads, past, true, probabilities, true);
    assert.deepEqual(await bench.get(got, size), await bench.get(wanted, size));
  });

  Deno.test(`${build}: pack refuses weights that are not finite and types that it does not know`, async () => {
    const bench = await Bench.create(build);
    const matrix = bench.matrix(8, 32, WeightFormat.q8);
    const weights = numbers(25, 8 * 32);
    assert.equal(bench.pack(matrix, bytesOf(weights), 0), 0);
    assert.equal(bench.pack(matrix, bytesOf(weights), 99), 1);
    weights[77] = Infinity;
    assert.equal(bench.pack(matrix, bytesOf(weights), 0), 2);
    weights[77] = 1;
    weights[3] = 300 * 127; // its block's scale, times 2^8, is no f16
    assert.equal(bench.pack(matrix, bytesOf(weights), 0), 2);
    const block = new Uint8Array(8 * 34);
    block[35] = 0x7e; // the second row's scale is a NaN
    assert.equal(bench.pack(matrix, block, 8), 2);
  });
}
