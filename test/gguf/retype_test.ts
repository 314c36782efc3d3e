import assert from "node:assert/strict";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { retypeTensors } from "../../sdk/gguf/retype.ts";
import { GGML_TYPES } from "../../sdk/gguf/types.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { collect } from "../sdk/quantize.ts";

const foreign = await Deno.readFile(new URL("vectors/foreign.gguf", import.meta.url));
const source = bytesSource(foreign, "foreign.gguf");
const file = await openGguf(source);
const nothing = () => assert.fail("no tensor changes");

Deno.test("retypeTensors() without a change gives the bytes that PyPI gguf wrote, alignment of 64 and all", async () => {
  const same = await retypeTensors(source, file, new Map(), new Map());
  assert.equal(same.fileBytes, foreign.length);
  assert.deepEqual(await collect(same.chunks(nothing)), foreign);
});

Deno.test("retypeTensors() puts a longer tensor in, and moves those behind it to the next multiple of the alignment", async () => {
  const b = file.tensors.get("b.q8_0")!;
  const values = Float32Array.from({ length: b.elements }, (_, i) => i / 8);
  const retyped = await retypeTensors(
    source,
    file,
    new Map([["new.key", { type: "string", value: "x" }]]),
    new Map([[b, GGML_TYPES.get(0)!]]),
  );
  const bytes = await collect(retyped.chunks(async function* ({ name }) {
    assert.equal(name, "b.q8_0");
    yield await Promise.resolve(new Uint8Array(values.buffer));
  }));
  assert.equal(bytes.length, retyped.fileBytes);
  const made = await openGguf(bytesSource(bytes));
  assert.deepEqual([...made.tensors.keys()], [...file.tensors.keys()]);
  assert.equal(made.metadata.string("new.key"), "x");
  for (const [name, tensor] of made.tensors) {
    const before = file.tensors.get(name)!;
    assert.deepEqual([tensor.shape, tensor.offset % 64], [before.shape, 0]);
    const read = bytes.subarray(tensor.offset, tensor.offset + tensor.bytes);
    if (name === "b.q8_0") {
      assert.equal(tensor.type, "F32");
      assert.deepEqual(read, new Uint8Array(values.buffer));
    } else {
      assert.equal(tensor.type, before.type);
      assert.deepEqual(read, foreign.subarray(before.offset, before.offset + before.bytes), name);
    }
  }
});
