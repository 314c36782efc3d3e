import assert from "node:assert/strict";
import { Segments } from "../../sdk/backend/webgpu/segments.ts";
import { regionsOf } from "./gpu.ts";

/** What a device allows, in bytes. */
interface Limits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}
const ROOMY: Limits = { maxBufferSize: 1 << 30, maxStorageBufferBindingSize: 1 << 30 };

/** What Segments needs of a device, and the buffers that were made of it. */
function fakeDevice(limits = ROOMY) {
  const made: { label: string; size: number; destroyed: boolean }[] = [];
  const createBuffer = ({ label, size }: { label: string; size: number }) => {
    const buffer = { label, size, destroyed: false, destroy: () => void (buffer.destroyed = true) };
    made.push(buffer);
    return buffer;
  };
  return { device: { limits, createBuffer } as unknown as GPUDevice, made };
}

const BASE = 1024;

function segmentsOf(sizes: readonly (readonly [string, number])[], maxBytes: number, limits?: Limits) {
  const { device, made } = fakeDevice(limits);
  const regions = regionsOf(BASE, sizes);
  return { segments: new Segments(device, regions, maxBytes), regions, made };
}

Deno.test("Segments: what a step writes is one buffer, weights and caches are others, by the regions' names", () => {
  const { segments, regions, made } = segmentsOf([
    ["weights", 256],
    ["kv cache", 512],
    ["activations", 64],
    ["vision ring", 128],
    ["logits", 192],
  ], 1 << 20);
  assert.deepEqual(made.map(({ label, size }) => [label, size]), [["work", 256], ["weights", 384], ["kv", 512]]);
  const kinds = regions.map(({ address }) => segments.at(address).segment.kind);
  assert.deepEqual(kinds, ["weights", "kv", "work", "weights", "work"]);
  assert.equal(segments.at(regions[2]!.address).segment, segments.at(regions[4]!.address).segment);
  assert.equal(segments.bytes, 256 + 384 + 512);
});

Deno.test("Segments: addresses are bytes of a buffer, whose regions follow each other there", () => {
  const { segments, regions } = segmentsOf([["a", 64], ["weights", 256], ["b", 128], ["weights", 64]], 1 << 20);
  const offsets = regions.map((
    { address, bytes },
  ) => [segments.at(address).offset, segments.at(address + bytes - 4).offset]);
  assert.deepEqual(offsets, [[0, 60], [0, 252], [64, 188], [256, 316]]);
});

Deno.test("Segments: weights and caches are cut between regions, where a binding has no room for the next one", () => {
  const sizes = ["weights", "kv cache"].flatMap((name) =>
    [600, 400, 200, 900, 100, 4].map((bytes) => [name, bytes] as const)
  );
  const { made, segments, regions } = segmentsOf(sizes, 1000);
  const cut = [1000, 200, 1000, 4];
  assert.deepEqual(made.map(({ label, size }) => [label, size]), [
    ...cut.map((size) => ["weights", size]),
    ...cut.map((size) => ["kv", size]),
  ]);
  assert.equal(segments.at(regions[3]!.address).offset, 0);
  assert.equal(segments.at(regions[4]!.address).offset, 900);
});

Deno.test("Segments: a matrix larger than a binding has a buffer of its own", () => {
  const { made } = segmentsOf([["weights", 100], ["weights", 5000], ["weights", 100]], 1000);
  assert.deepEqual(made.map(({ size }) => size), [100, 5000, 100]);
});

Deno.test("Segments: what lies in no region is not an address", () => {
  const { segments } = segmentsOf([["work", 64], ["weights", 64]], 1000);
  for (const address of [0, BASE - 1, BASE + 128, 1e12]) {
    assert.throws(() => segments.at(address), { name: "RangeError", message: new RegExp(String(address)) });
  }
  assert.throws(() => segmentsOf([], 1000).segments.at(BASE), RangeError);
});

Deno.test("Segments: addresses between regions that leave room lie in none", () => {
  const { device } = fakeDevice();
  const regions = [{ name: "a", address: 64, bytes: 64 }, { name: "b", address: 192, bytes: 64 }];
  const segments = new Segments(device, regions, 1000);
  assert.equal(segments.at(127).offset, 63);
  assert.throws(() => segments.at(128), RangeError);
  assert.equal(segments.at(192).offset, 64);
});

const SMALL: Limits = { maxBufferSize: 4000, maxStorageBufferBindingSize: 1000 };
for (
  const [what, sizes, limits, message] of [
    ["work that a binding does not hold", [["a", 600], ["b", 404]], SMALL, /the work area takes 1004 .* can have 1000/],
    ["a layer's cache that a binding does not hold", [["kv cache", 1004]], SMALL, /cache takes 1004 .* can have 1000/],
    ["work that a buffer does not hold", [["a", 900]], { ...SMALL, maxBufferSize: 800 }, /takes 900 .* can have 800/],
    ["a matrix that a buffer does not hold", [["weights", 5000]], SMALL, /takes 5000 .* can have 4000/],
  ] as const
) {
  Deno.test(`Segments refuses ${what}`, () => {
    assert.throws(() => segmentsOf(sizes, 500, limits), { code: "memory_budget", param: "backend", message });
  });
}

Deno.test("Segments: a small cut between weights and caches does not limit the work area, nor one cache", () => {
  const { made } = segmentsOf([["a", 900], ["kv cache", 800]], 500, SMALL);
  assert.deepEqual(made.map(({ size }) => size), [900, 800]);
});

Deno.test("Segments gives every buffer back", () => {
  const { segments, made } = segmentsOf([["work", 64], ["weights", 64], ["kv cache", 64]], 1000);
  segments.destroy();
  assert.deepEqual(made.map(({ destroyed }) => destroyed), [true, true, true]);
});
