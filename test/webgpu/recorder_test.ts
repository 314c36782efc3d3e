import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { device, gpuBackend } from "./gpu.ts";

const gpu = await device();
const WORK = 4 << 20;

function gpuTest(name: string, fn: (b: Awaited<ReturnType<typeof backend>>) => Promise<void>): void {
  Deno.test({
    name: `Recorder: ${name}`,
    ignore: !gpu,
    async fn() {
      const made = await backend(gpu!);
      try {
        await fn(made);
      } finally {
        made.b.destroy();
      }
    },
  });
}

/** A backend of one work buffer, where it begins, and a second buffer. */
async function backend(device: GPUDevice) {
  const { backend: b, regions } = await gpuBackend(device, [["work", WORK], ["weights", 1 << 20]]);
  return { b, at: regions[0]!.address, apart: regions[1]!.address };
}

const floats = (...values: number[]) => Float32Array.from(values);

gpuTest("writes, dispatches, copies and clears of one turn run in their order", async ({ b, at, apart }) => {
  const [x, y] = [at, at + 256];
  b.write(x, floats(1, 2));
  b.write(y, floats(10, 20));
  b.add(x, y, 2);
  const first = b.read(x, 2);
  b.write(y, floats(100, 200));
  b.add(x, y, 2);
  const second = b.read(x, 2);
  b.copy(apart, x, 8);
  b.clear(x, 8);
  b.add(x, apart, 2);
  b.add(x, y, 1);
  const third = b.read(x, 2);
  assert.deepEqual(await first, floats(11, 22));
  assert.deepEqual(await second, floats(111, 222));
  assert.deepEqual(await third, floats(211, 222));
});

gpuTest("edit changes what all commands before it leave", async ({ b, at }) => {
  b.write(at, floats(1, 2, 3));
  b.add(at, at, 3);
  await b.edit(at, 2, (values) => void values.set(values.map((value) => value + 100)));
  assert.deepEqual(await b.read(at, 3), floats(102, 104, 6));
});

gpuTest("what is written is read before the call returns", async ({ b, at }) => {
  for (const elements of [1, 50_000]) {
    const values = new Float32Array(elements).fill(3);
    b.write(at, values);
    values.fill(4);
    assert.deepEqual(await b.read(at, elements), new Float32Array(elements).fill(3));
  }
});

gpuTest("more dispatches than one submission takes run in their order", async ({ b, at }) => {
  b.write(at, floats(0, 1));
  // each doubles the second number, and adds it to the first, until it is started anew
  for (let i = 0; i < 5000; i++) {
    if (i % 10 === 0) b.write(at + 4, floats(1));
    b.add(at + 4, at + 4, 1);
    b.add(at, at + 4, 1);
  }
  assert.deepEqual(await b.read(at, 2), floats(500 * 2046, 1024));
});

gpuTest("writes too large to travel with the commands keep their place among them", async ({ b, at }) => {
  const [elements, y] = [100_000, at + (1 << 20)];
  b.write(at, new Float32Array(elements).fill(1));
  b.write(y, floats(5));
  b.add(at, y, 1);
  b.copy(at + 4 * (elements - 1), at, 4);
  const before = b.read(at, elements);
  b.write(at, new Float32Array(elements).fill(2));
  b.add(at, y, 1);
  const after = b.read(at, elements);
  const [first, second] = [await before, await after];
  assert.deepEqual([first[0], first[1], first[elements - 1]], [6, 1, 6]);
  assert.deepEqual([second[0], second[1], second[elements - 1]], [7, 2, 2]);
});

gpuTest("small writes that together are too many for one submission all arrive", async ({ b, at }) => {
  const piece = 16_000;
  const pieces = Array.from({ length: 40 }, (_, i) => new Float32Array(piece).fill(i + 1));
  pieces.forEach((values, i) => b.write(at + i * piece * 4, values));
  const got = await b.read(at, piece * pieces.length);
  pieces.forEach((values, i) => assert.deepEqual(got.subarray(i * piece, (i + 1) * piece), values));
});

gpuTest("bytes that end within a word arrive, few or many, and make the word's rest 0", async ({ b, at }) => {
  for (const length of [7, (1 << 17) + 5]) {
    const words = Math.ceil(length / 4);
    b.write(at, new Uint8Array(words * 4).fill(255));
    await b.read(at, 1);
    const bytes = Uint8Array.from({ length }, (_, i) => i % 251);
    b.write(at, bytes);
    const got = new Uint8Array((await b.read(at, words)).buffer);
    assert.deepEqual(got.subarray(0, length), bytes);
    assert.deepEqual([...got.subarray(length)], Array.from({ length: words * 4 - length }, () => 0));
  }
});

gpuTest("reads of one turn come with one submission, in any sizes", async ({ b, at }) => {
  const values = Float32Array.from({ length: 10_000 }, (_, i) => i);
  b.write(at, values);
  const before = b.recorder.submissions;
  const reads = [b.read(at, 3), b.read(at + 400, 10_000 - 100), b.read(at + 40, 1), b.read(at, 2000)];
  const got = await Promise.all(reads);
  assert.equal(b.recorder.submissions, before + 1);
  assert.deepEqual(got, [
    values.subarray(0, 3),
    values.subarray(100),
    values.subarray(10, 11),
    values.subarray(0, 2000),
  ]);
});

gpuTest("reads of many turns make no buffers after the first", async ({ b, at }) => {
  b.write(at, floats(7));
  await b.read(at, 1);
  let made = 0;
  const { createBuffer } = gpu!;
  try {
    gpu!.createBuffer = (descriptor) => (made++, createBuffer.call(gpu, descriptor));
    for (let i = 0; i < 20; i++) assert.deepEqual(await b.read(at, 1), floats(7));
    assert.equal(made, 0);
    await b.read(at, 10_000);
    assert.equal(made, 1);
  } finally {
    gpu!.createBuffer = createBuffer;
  }
});

gpuTest("once it has failed, reads that wait and all later ones give the first reason", async ({ b, at }) => {
  const waiting = b.read(at, 1);
  const [first, second] = ["first", "second"].map((text) => new LorisError("gpu_failed", text));
  b.recorder.fail(first!);
  b.recorder.fail(second!);
  await assert.rejects(waiting, first!);
  b.write(at, floats(1));
  b.add(at, at, 1);
  b.copy(at, at + 64, 4);
  await assert.rejects(b.read(at, 1), first!);
});

Deno.test({
  name: "Recorder: a read after the device is gone is refused with gpu_failed",
  ignore: !gpu,
  async fn() {
    const own = (await device())!;
    const { b, at } = await backend(own);
    b.write(at, floats(1));
    assert.deepEqual(await b.read(at, 1), floats(1));
    own.destroy();
    await assert.rejects(b.read(at, 1), { name: "LorisError", code: "gpu_failed" });
    b.add(at, at, 1);
    await assert.rejects(b.read(at, 1), { name: "LorisError", code: "gpu_failed" });
  },
});
