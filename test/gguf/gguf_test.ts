import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hasShared, shared } from "../shared.ts";
import { type GgufFile, openGguf, requireSupported, splitNames } from "../../sdk/gguf/gguf.ts";
import { GGML_TYPES, SUPPORTED_TYPES } from "../../sdk/gguf/types.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import type { Source } from "../../sdk/sources/source.ts";
import { array, nested, ones, string, uint16, uint32, VALUE_TYPES, writeGguf } from "./write.ts";

/** What `vectors/generate.py` had PyPI `gguf` write. 64-bit integers that are no exact numbers are text. */
interface Foreign {
  metadata: Record<string, unknown>;
  tensors: { name: string; type: string; shape: number[]; data: string }[];
}

const vector = (name: string) => new URL(`vectors/${name}`, import.meta.url);
const foreign: Foreign = JSON.parse(await Deno.readTextFile(vector("foreign.json")));

async function vectorSource(name: string): Promise<Source> {
  return bytesSource(await Deno.readFile(vector(name)), name);
}

async function checkForeignTensors(file: GgufFile): Promise<void> {
  assert.deepEqual([...file.tensors.keys()], foreign.tensors.map((t) => t.name));
  for (const { name, type, shape, data } of foreign.tensors) {
    const tensor = file.tensors.get(name)!;
    const bytes = await tensor.source.read(tensor.offset, tensor.bytes);
    assert.deepEqual(
      { type: tensor.type, shape: tensor.shape, elements: tensor.elements, data: btoa(String.fromCharCode(...bytes)) },
      { type, shape, elements: shape[0]! * shape[1]!, data },
      name,
    );
    assert.equal(GGML_TYPES.get(tensor.typeId)!.name, type);
    requireSupported(tensor);
  }
}

Deno.test("openGguf() reads every metadata type and tensor that PyPI gguf writes, alignment 64", async () => {
  const file = await openGguf(await vectorSource("foreign.gguf"));
  const got = Object.fromEntries(file.metadata.entries());
  for (const [key, value] of Object.entries(foreign.metadata)) {
    const shown = typeof got[key] === "bigint" ? String(got[key]) : got[key];
    assert.deepEqual(shown, value, key);
  }
  assert.equal(file.metadata.string("general.architecture"), "llama");
  assert.equal(file.version, 3);
  assert.equal(file.fileBytes, (await Deno.stat(vector("foreign.gguf"))).size);
  for (const { offset } of file.tensors.values()) assert.equal(offset % 64, 0);
  await checkForeignTensors(file);
});

Deno.test("openGguf() joins a split set that PyPI gguf writes; splitNames() names its files", async () => {
  const names = splitNames("split-00001-of-00002.gguf")!;
  assert.deepEqual(names, ["split-00001-of-00002.gguf", "split-00002-of-00002.gguf"]);
  const file = await openGguf(await Promise.all(names.map(vectorSource)));
  await checkForeignTensors(file);
  const sizes = await Promise.all(names.map(async (name) => (await Deno.stat(vector(name))).size));
  assert.equal(file.fileBytes, sizes[0]! + sizes[1]!);
  assert.equal(file.metadata.string("general.architecture"), "llama");
});

Deno.test("splitNames() is undefined for what is not a first split file", () => {
  for (const name of ["a.gguf", "a-00002-of-00003.gguf", "a-00001-of-3.gguf", "a-00001-of-00003.bin", ""]) {
    assert.equal(splitNames(name), undefined, name);
  }
  assert.equal(splitNames("dir/m-00001-of-00012.gguf")!.at(-1), "dir/m-00012-of-00012.gguf");
});

Deno.test("openGguf() reads versions 2 and 3, files without tensors, empty strings and arrays, arrays 4 deep", async () => {
  for (const version of [2, 3]) {
    const bytes = writeGguf({
      version,
      metadata: [
        ["empty.string", string("")],
        ["empty.array", array(VALUE_TYPES.string, [])],
        ["deep", nested(4)],
      ],
    });
    const file = await openGguf(bytesSource(bytes));
    assert.equal(file.version, version);
    assert.equal(file.tensors.size, 0);
    assert.equal(file.metadata.string("empty.string"), "");
    assert.deepEqual(file.metadata.strings("empty.array"), []);
    assert.deepEqual(Object.fromEntries(file.metadata.entries()).deep, [[[[]]]]);
  }
});

Deno.test("openGguf() places tensors by the file's alignment, 32 where it says none", async () => {
  for (const alignment of [undefined, 1, 8, 32, 4096]) {
    const bytes = writeGguf({
      metadata: alignment === undefined ? [] : [["general.alignment", uint32(alignment)]],
      tensors: [ones("a", 3), ones("b", 5, { shape: [5, 1, 1, 1] })],
      alignment: alignment ?? 32,
    });
    const { tensors } = await openGguf(bytesSource(bytes));
    for (const { name, offset, bytes: length } of tensors.values()) {
      const values = new Float32Array(bytes.slice(offset, offset + length).buffer);
      assert.deepEqual([...values], Array(name === "a" ? 3 : 5).fill(1), `${name}, alignment ${alignment}`);
    }
  }
});

Deno.test("openGguf() reads a header longer than the first range, range by range, each byte once", async () => {
  const token = (i: number) => `token ${i} ${"x".repeat(40)}`;
  const items = Array.from(
    { length: 40_000 },
    (_, i) => (w: { string(s: string): unknown }) => void w.string(token(i)),
  );
  const bytes = writeGguf({
    metadata: [["tokens", array(VALUE_TYPES.string, items)]],
    tensors: [ones("a", 1 << 18)],
  });
  const whole = bytesSource(bytes);
  const ranges: [number, number][] = [];
  const file = await openGguf({
    ...whole,
    read(offset, length) {
      ranges.push([offset, length]);
      return whole.read(offset, length);
    },
  });
  const tokens = file.metadata.strings("tokens");
  assert.equal(tokens.length, items.length);
  assert.equal(tokens[39_999], token(39_999));
  assert.ok(ranges.length > 1 && ranges.length < 8, `${ranges.length} ranges`);
  ranges.reduce((end, [offset, length]) => (assert.equal(offset, end), offset + length), 0);
});

Deno.test("openGguf() rejects with the signal's reason, before and while it reads", async () => {
  const bytes = writeGguf({ tensors: [ones("a", 8)] });
  const reason = new Error("enough");
  await assert.rejects(openGguf(bytesSource(bytes), AbortSignal.abort(reason)), (e) => e === reason);

  const abort = new AbortController();
  const stalled: Source = {
    name: "stalled",
    size: () => Promise.resolve(bytes.length),
    read: (_offset, _length, signal) =>
      new Promise((_, reject) => {
        signal!.addEventListener("abort", () => reject(signal!.reason));
        queueMicrotask(() => abort.abort(reason));
      }),
  };
  await assert.rejects(openGguf(stalled, abort.signal), (e) => e === reason);
});

Deno.test("requireSupported() refuses by name every type that is listed and not readable", async () => {
  for (const type of GGML_TYPES.values()) {
    const bytes = writeGguf({
      tensors: [{
        name: "blk.0.odd",
        type: type.id,
        shape: [type.blockElements],
        data: new Uint8Array(type.blockBytes),
      }],
    });
    const tensor = (await openGguf(bytesSource(bytes, "odd.gguf"))).tensors.get("blk.0.odd")!;
    assert.equal(tensor.bytes, type.blockBytes);
    if (SUPPORTED_TYPES.has(type.name)) requireSupported(tensor);
    else {
      assert.throws(() => requireSupported(tensor), {
        name: "LorisError",
        code: "file_unsupported",
        message: new RegExp(`^odd\\.gguf: blk\\.0\\.odd has the type ${type.name};`),
      });
    }
  }
});

Deno.test("GgufMetadata refuses missing keys and other types, saying what was got and wanted", async () => {
  const written = writeGguf({
    metadata: [
      ["text", string("seven")],
      ["count", uint32(7)],
      ["mixed.no", uint16(1)],
      ["list", array(VALUE_TYPES.u8, [(w) => w.u8(1), (w) => w.u8(2)])],
      ["float", (w) => w.u32(VALUE_TYPES.f32).f32(0.5)],
      ["negative", (w) => w.u32(VALUE_TYPES.i32).i32(-1)],
      ["large", (w) => w.u32(VALUE_TYPES.u64).u64(2n ** 60n)],
      ["yes", (w) => w.u32(VALUE_TYPES.bool).u8(1)],
    ],
  });
  const { metadata } = await openGguf(bytesSource(written, "m.gguf"));
  assert.equal(metadata.uint("count", { min: 7, max: 7 }), 7);
  assert.equal(metadata.float("float"), 0.5);
  assert.deepEqual(metadata.numbers("list"), [1, 2]);
  assert.equal(metadata.optionalBool("yes"), true);
  assert.equal(metadata.optionalUint("none"), undefined);
  assert.equal(metadata.optionalString("none"), undefined);
  assert.equal(metadata.optionalFloat("none"), undefined);
  assert.equal(metadata.optionalNumbers("none"), undefined);
  assert.equal(metadata.optionalBool("none"), undefined);
  const wrong: [() => unknown, RegExp][] = [
    [() => metadata.uint("none"), /m\.gguf: the metadata key none is missing/],
    [() => metadata.uint("text"), /text must be a whole number from 0 to \d+, it is string seven/],
    [() => metadata.uint("count", { max: 6 }), /whole number from 0 to 6, it is number 7/],
    [() => metadata.uint("count", { min: 8 }), /whole number from 8/],
    [() => metadata.uint("float"), /it is number 0\.5/],
    [() => metadata.uint("negative"), /it is number -1/],
    [() => metadata.uint("large"), /it is bigint 1152921504606846976/],
    [() => metadata.string("count"), /count must be a string, it is number 7/],
    [() => metadata.float("text"), /must be a number/],
    [() => metadata.strings("list"), /must be an array of strings, it is an array of 2/],
    [() => metadata.numbers("text"), /must be an array of numbers/],
    [() => metadata.optionalBool("count"), /must be true or false/],
  ];
  for (const [call, message] of wrong) assert.throws(call, { name: "LorisError", code: "file_invalid", message });
});

type Listing = [name: string, type: string, shape: number[], bytes: number, offset: number][];
const listing: Record<string, Listing> = JSON.parse(await Deno.readTextFile(vector("listing.json")));
for (const [name, tensors] of Object.entries(listing)) {
  Deno.test({
    name: `openGguf() lists ${name} as PyPI gguf's reader does`,
    ignore: !hasShared(`golden/${name}`),
    fn: async () => {
      const source = fileSource(fileURLToPath(shared(`golden/${name}`)));
      try {
        const file = await openGguf(source);
        assert.deepEqual([...file.tensors.values()].map((t) => [t.name, t.type, t.shape, t.bytes, t.offset]), tensors);
      } finally {
        await source.close();
      }
    },
  });
}
