import assert from "node:assert/strict";
import { KvFormat, kvLayerBytes } from "../../sdk/backend/backend.ts";
import { Bench, BUILDS, normalisedError, numbers } from "./harness.ts";
import { q8Of, throughQ8 } from "./kv_q8.ts";

/** Of 64 roughly normal values: (largest / rms)^2 / (12 * 127^2), with largest / rms about 2.6. */
const ROUNDING_8_BIT = 5e-5;

const [heads, headWidth, capacity] = [3, 64, 24];
const width = heads * headWidth;
const bytes = kvLayerBytes(heads, headWidth, capacity, KvFormat.q8);

/** A store of 8 bits, filled with 0x55. */
function storeOf(bench: Bench) {
  const [keys, values] = [0, 1].map(() => bench.putBytes(new Uint8Array(bytes).fill(0x55))) as [number, number];
  return { keys, values, heads, headWidth, capacity, format: KvFormat.q8 };
}

/** The layout that `kv_store.rs` states, of rows [rows, heads, headWidth] in slots from 0 on; the rest 0x55. */
function layoutOf(x: Float32Array, rows: number, group: number): Uint8Array {
  const want = new Uint8Array(bytes).fill(0x55);
  const view = new DataView(want.buffer);
  for (let slot = 0; slot < rows; slot++) {
    for (let head = 0; head < heads; head++) {
      const { scale, elements } = q8Of(x.subarray((slot * heads + head) * headWidth).subarray(0, headWidth));
      const first = Math.floor(slot / group) * group;
      const [at, lane] = [(head * capacity + first) * (headWidth + 4), slot - first];
      view.setFloat32(at + 4 * lane, scale, true);
      elements.forEach((element, i) => view.setInt8(at + 4 * group + i * group + lane, element));
    }
  }
  return want;
}

Deno.test("kvLayerBytes() counts a scale for each 8-bit vector", () => {
  assert.equal(bytes, 3 * 24 * 68);
  assert.equal(kvLayerBytes(3, 64, 24, KvFormat.f16), 3 * 24 * 128);
  assert.equal(kvLayerBytes(3, 64, 24, KvFormat.f32), 3 * 24 * 256);
});

Deno.test("q8 loses no more than its steps", () => {
  const x = numbers(41, 21 * width);
  assert.ok(normalisedError(throughQ8(x, headWidth), x) < ROUNDING_8_BIT);
});

for (const build of BUILDS) {
  Deno.test(`${build}: storeKeys and storeValues write 8 bits to the byte, and single slots touch no others`, async () => {
    const bench = await Bench.create(build);
    const b = bench.backend;
    const rows = 21;
    const x = numbers(41, rows * width);
    x.fill(0, 5 * width, 5 * width + headWidth);
    x[7 * width] = 1e-38; // beside larger ones it is nothing
    const at = bench.put(x);
    const [whole, single] = [storeOf(bench), storeOf(bench)];
    b.storeKeys(whole, at, 0, rows);
    b.storeValues(whole, at, 0, rows);
    for (let i = 0; i < rows; i++) {
      const slot = i * 8 % rows;
      b.storeKeys(single, at + slot * width * 4, slot, 1);
      b.storeValues(single, at + slot * width * 4, slot, 1);
    }
    for (const store of [whole, single]) {
      assert.deepEqual(await bench.getBytes(store.keys, bytes), layoutOf(x, rows, 8));
      assert.deepEqual(await bench.getBytes(store.values, bytes), layoutOf(x, rows, 1));
    }
  });

  for (const bad of [NaN, Infinity, -Infinity]) {
    Deno.test(`${build}: ${bad} in an 8-bit key or value reaches the result, of the heads that read it`, async () => {
      for (const place of ["keys", "values"] as const) {
        const bench = await Bench.create(build);
        const b = bench.backend;
        const slots = 13;
        const [k, v] = [numbers(42, slots * width), numbers(43, slots * width)];
        ({ keys: k, values: v })[place][9 * width + headWidth + 11] = bad;
        const cache = storeOf(bench);
        b.storeKeys(cache, bench.put(k), 0, slots);
        b.storeValues(cache, bench.put(v), 0, slots);
        const [dst, scratch] = [bench.reserve(2 * width * 4), bench.reserve(b.attentionScratch(slots, headWidth) * 4)];
        const q = bench.put(numbers(44, 2 * width));
        b.attention(dst, q, cache, scratch, 1, 2 * heads, slots - 1, true);
        const isBad = Array.from(await bench.get(dst, 2 * width), Number.isNaN);
        assert.deepEqual(isBad, isBad.map((_, i) => Math.floor(i / (2 * headWidth)) === 1), place);
      }
    });
  }
}
