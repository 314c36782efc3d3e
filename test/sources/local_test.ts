import assert from "node:assert/strict";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { type FileSource, fileSource } from "../../sdk/sources/file.ts";
import type { Source } from "../../sdk/sources/source.ts";

const FILE = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const failed = (message: RegExp) => ({ name: "LorisError", code: "source_failed", message });

async function withFile(use: (source: FileSource, path: string) => Promise<void>, bytes = FILE): Promise<void> {
  const path = await Deno.makeTempFile();
  const source = fileSource(path);
  try {
    await Deno.writeFile(path, bytes);
    await use(source, path);
  } finally {
    await source.close();
    await Deno.remove(path);
  }
}

/** What holds for both kinds: exact ranges, refused ranges, the signal. */
async function checkSource(source: Source): Promise<void> {
  assert.equal(await source.size(), FILE.length);
  for (const [offset, length] of [[0, 0], [0, 1], [1234, 3000], [4999, 1], [5000, 0], [0, 5000]] as const) {
    assert.deepEqual(await source.read(offset, length), FILE.slice(offset, offset + length));
  }
  await assert.rejects(source.read(4999, 2), failed(/wanted were bytes 4999 to 5001, the file has 5000/));
  await assert.rejects(source.read(5001, 0), failed(/the file has 5000/));
  await assert.rejects(source.read(0, 2 ** 50), failed(/the file has 5000/));
  for (const [offset, length] of [[-1, 1], [0, -1], [0.5, 1], [NaN, 1], [0, 2 ** 53]] as const) {
    await assert.rejects(source.read(offset, length), RangeError);
  }
  const reason = new Error("stop");
  await assert.rejects(source.read(0, 10, AbortSignal.abort(reason)), (e) => e === reason);
  const twice = await Promise.all([source.read(10, 100), source.read(2000, 100)]);
  assert.deepEqual(twice, [FILE.slice(10, 110), FILE.slice(2000, 2100)]);
}

Deno.test("bytesSource() gives views of exact ranges, refuses others, obeys the signal", async () => {
  await checkSource(bytesSource(FILE, "memory"));
  const view = await bytesSource(FILE).read(100, 50);
  assert.equal(view.buffer, FILE.buffer);
  assert.equal(view.byteOffset, 100);
  const part = bytesSource(FILE.subarray(1000, 1010));
  assert.equal(await part.size(), 10);
  assert.deepEqual(await part.read(2, 3), FILE.slice(1002, 1005));
});

Deno.test("fileSource() gives exact ranges, refuses others, obeys the signal", async () => {
  await withFile(checkSource);
});

Deno.test("fileSource().readInto() fills the caller's memory and nothing beside it", async () => {
  await withFile(async (source) => {
    const memory = new Uint8Array(30);
    await source.readInto!(100, memory.subarray(10, 20));
    assert.deepEqual([...memory], [...Array(10).fill(0), ...FILE.subarray(100, 110), ...Array(10).fill(0)]);
    await assert.rejects(source.readInto!(4995, memory), failed(/the file has 5000/));
    const reason = new Error("stop");
    await assert.rejects(source.readInto!(0, memory, AbortSignal.abort(reason)), (e) => e === reason);
  });
});

Deno.test("fileSource() reports a file that was cut after it was opened", async () => {
  await withFile(async (source, path) => {
    assert.equal(await source.size(), 5000);
    await Deno.truncate(path, 1000);
    await assert.rejects(source.read(900, 200), failed(/wanted were 200 bytes from byte 900, 100 came/));
    await assert.rejects(source.read(2000, 10), failed(/wanted were 10 bytes from byte 2000, 0 came/));
  });
});

Deno.test("fileSource() goes on with the file that it opened when another is put in its place", async () => {
  await withFile(async (source, path) => {
    assert.deepEqual(await source.read(0, 100), FILE.slice(0, 100));
    await Deno.writeFile(`${path}.new`, FILE.toReversed());
    await Deno.rename(`${path}.new`, path);
    assert.deepEqual(await source.read(100, 4900), FILE.slice(100));
    await source.close();
    assert.deepEqual(await source.read(0, 5000), FILE.toReversed());
  });
});

Deno.test("fileSource() reads an empty file as empty", async () => {
  await withFile(async (source) => {
    assert.equal(await source.size(), 0);
    assert.equal((await source.read(0, 0)).length, 0);
    await assert.rejects(source.read(0, 1), failed(/the file has 0/));
  }, new Uint8Array(0));
});

Deno.test("fileSource() names a path that is missing or a folder, closes after that, and finds it when it is there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const directory = fileSource(folder);
    await assert.rejects(directory.size(), { ...failed(/is not a file|cannot be opened/), param: folder });
    await directory.close();

    const path = `${folder}/later.gguf`;
    const source = fileSource(path);
    await source.close();
    await assert.rejects(source.read(0, 1), { ...failed(/later\.gguf cannot be opened: /), param: path });
    await source.close();
    await Deno.writeFile(path, FILE);
    assert.equal(await source.size(), 5000);
    await source.close();
    await source.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("fileSource() finds a missing file again once it is there, without a close between", async () => {
  const folder = await Deno.makeTempDir();
  const source = fileSource(`${folder}/later.gguf`);
  try {
    await assert.rejects(source.size(), failed(/cannot be opened/));
    await Deno.writeFile(`${folder}/later.gguf`, FILE);
    assert.equal(await source.size(), 5000);
  } finally {
    await source.close();
    await Deno.remove(folder, { recursive: true });
  }
});
