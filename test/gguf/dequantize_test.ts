import assert from "node:assert/strict";
import { Bench, BUILDS, bytesOf } from "../ops/harness.ts";
import { SUPPORTED_TYPES } from "../../sdk/gguf/types.ts";

/** A row of `vectors/dequantize.json`: whole blocks of a type, and the f32 values that PyPI `gguf` reads from them. */
interface Vector {
  type: string;
  typeId: number;
  elements: number;
  blocks: string;
  expected: string;
}

/** Outcomes of `Backend.dequantize`. */
const [FINITE, UNKNOWN, NOT_FINITE] = [0, 1, 2];

const vectors: Vector[] = JSON.parse(
  await Deno.readTextFile(new URL("vectors/dequantize.json", import.meta.url)),
);

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** Bits of f32 numbers. A NaN's sign and payload are free in WASM, so that all NaNs count as the same. */
function bits(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.map((x) => Number.isNaN(x) ? NaN : x).buffer);
}

Deno.test("dequantize vectors cover every supported type but F32, with infinities, NaN and subnormal numbers", () => {
  assert.deepEqual([...vectors.map((v) => v.type), "F32"].toSorted(), [...SUPPORTED_TYPES].toSorted());
  for (const { type, expected } of vectors) {
    const values = new Float32Array(decode(expected).buffer);
    assert.ok(values.includes(Infinity) && values.includes(-Infinity), `${type}: infinities`);
    assert.ok(values.some(Number.isNaN), `${type}: NaN`);
    assert.ok(values.some((x) => x !== 0 && Math.abs(x) < 2 ** -14), `${type}: what is no normal number in f16`);
    assert.ok(values.filter((x) => Math.abs(x) > 1e-4 && Math.abs(x) < 10).length > 50, `${type}: ordinary weights`);
  }
});

for (const build of BUILDS) {
  Deno.test(`dequantize() on ${build}: every type reads bit for bit as PyPI gguf does`, async () => {
    const bench = await Bench.create(build);
    for (const { type, typeId, elements, blocks, expected } of vectors) {
      const want = new Float32Array(decode(expected).buffer);
      assert.equal(want.length, elements);
      const dst = bench.put(new Float32Array(elements + 1).fill(12345));
      const outcome = bench.backend.dequantize(dst, bench.load(decode(blocks)), elements, typeId);
      assert.equal(outcome, NOT_FINITE, type);
      const got = await bench.get(dst, elements + 1);
      assert.equal(got[elements], 12345, `${type} wrote past its end`);
      const [gotBits, wantBits] = [bits(got.subarray(0, elements)), bits(want)];
      const at = gotBits.findIndex((x, i) => x !== wantBits[i]);
      assert.equal(at, -1, `${type}: element ${at} is ${got[at]}, wanted was ${want[at]}`);
    }
  });

  Deno.test(`dequantize() on ${build}: F32 passes through, NaN payloads aside`, async () => {
    const bench = await Bench.create(build);
    const values = Float32Array.of(0, -0, 1, -1.5, 1e-45, 3.4028234663852886e38, Infinity, -Infinity, NaN);
    const dst = bench.put(new Float32Array(values.length));
    assert.equal(bench.backend.dequantize(dst, bench.load(bytesOf(values)), values.length, 0), NOT_FINITE);
    assert.deepEqual(bits(await bench.get(dst, values.length)), bits(values));
  });

  Deno.test(`dequantize() on ${build}: finite weights are told from others, wherever one stands`, async () => {
    const bench = await Bench.create(build);
    const dst = bench.reserve(9 * 4);
    const outcome = (values: Float32Array) => bench.backend.dequantize(dst, bench.load(bytesOf(values)), 9, 0);
    const values = Float32Array.from({ length: 9 }, (_, i) => i - 4);
    assert.equal(outcome(values), FINITE);
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const place of [0, 4, 8]) assert.equal(outcome(values.with(place, bad)), NOT_FINITE, `${bad} at ${place}`);
    }
  });

  Deno.test(`dequantize() on ${build}: refuses unknown types and part blocks, and writes nothing`, async () => {
    const bench = await Bench.create(build);
    const src = bench.load(new Uint8Array(1024).fill(0x55));
    for (const [typeId, elements] of [[9, 32], [10, 256], [40, 32], [2 ** 32 - 1, 32], [2, 31], [8, 33], [12, 128]]) {
      const dst = bench.put(new Float32Array(256).fill(7));
      assert.equal(bench.backend.dequantize(dst, src, elements!, typeId!), UNKNOWN, `type ${typeId}, ${elements}`);
      assert.ok((await bench.get(dst, 256)).every((x) => x === 7), `type ${typeId}, ${elements}`);
    }
  });
}
