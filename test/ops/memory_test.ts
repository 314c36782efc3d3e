import assert from "node:assert/strict";
import { Bench, BUILDS, bytesOf } from "./harness.ts";

for (const kind of BUILDS) {
  Deno.test(`${kind}: write, copy and clear change what they are for, of any array and any part of one`, async () => {
    const bench = await Bench.create(kind);
    const { backend } = bench;
    const values = Float32Array.from({ length: 10 }, (_, i) => i + 0.5);
    const at = bench.put(values);
    backend.write(at + 8, Float32Array.of(0, -1, -2, 0).subarray(1, 3));
    assert.deepEqual(await bench.get(at, 10), Float32Array.of(0.5, 1.5, -1, -2, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5));
    backend.copy(at, at + 24, 8);
    backend.clear(at + 16, 12);
    assert.deepEqual(await bench.get(at, 10), Float32Array.of(6.5, 7.5, -1, -2, 0, 0, 0, 7.5, 8.5, 9.5));
    const words = Uint32Array.of(1, 2 ** 32 - 1, 0x3f800000);
    backend.write(at, words.subarray(1));
    backend.write(at + 8, Uint8Array.of(9, 9, 0, 0, 0x80, 0x3f, 9).subarray(2, 6));
    const held = await bench.getBytes(at, 12);
    assert.deepEqual(held, new Uint8Array(Uint32Array.of(2 ** 32 - 1, 0x3f800000, 0x3f800000).buffer));
  });

  Deno.test(`${kind}: read gives a copy of what is there when it is called, to keep and to change`, async () => {
    const bench = await Bench.create(kind);
    const at = bench.put([1, 2, 3]);
    const first = bench.get(at, 3);
    bench.backend.write(at, Float32Array.of(4));
    const second = await bench.get(at, 3);
    second[1] = 7;
    assert.deepEqual(await first, Float32Array.of(1, 2, 3));
    assert.deepEqual(await bench.get(at, 3), Float32Array.of(4, 2, 3));
  });

  Deno.test(`${kind}: edit changes what is there; what the change throws is for who asked`, async () => {
    const bench = await Bench.create(kind);
    const at = bench.put([1, 2, 3, 4]);
    await bench.backend.edit(at + 4, 2, (values) => void values.set(values.map((value) => 10 * value)));
    assert.deepEqual(await bench.get(at, 4), Float32Array.of(1, 20, 30, 4));
    const edited = bench.backend.edit(at, 1, () => {
      throw new RangeError("no");
    });
    await assert.rejects(edited, new RangeError("no"));
  });

  Deno.test(`${kind}: load scratch holds what is put there, as many bytes as were asked for`, async () => {
    const bench = await Bench.create(kind);
    const [one, other] = [Uint8Array.of(1, 2, 3, 4, 5), new Uint8Array(100).fill(6)];
    const at = bench.load(one);
    const behind = bench.load(other);
    assert.deepEqual(bench.backend.bytes(at, 5), one);
    assert.deepEqual(bench.backend.bytes(behind, 100), other);
    const dst = bench.reserve(8);
    assert.equal(bench.backend.dequantize(dst, bench.load(bytesOf(Float32Array.of(1, 2))), 2, 0), 0);
    assert.deepEqual(await bench.get(dst, 2), Float32Array.of(1, 2));
  });
}
