import assert from "node:assert/strict";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { type MetadataChanges, rewriteMetadata, type TypedValue } from "../../sdk/gguf/rewrite.ts";
import { planOf } from "../../sdk/lazy/plan.ts";
import { planFromMetadata, planMetadata } from "../../sdk/lazy/plan_format.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import type { Source } from "../../sdk/sources/source.ts";
import { ones, string, uint32, writeGguf, writeSplit } from "./write.ts";

const vector = (name: string) => Deno.readFile(new URL(`vectors/${name}`, import.meta.url));
const foreign = await vector("foreign.gguf");

async function rewrite(file: Uint8Array | Source, changes: MetadataChanges | Record<string, TypedValue | undefined>) {
  const source = file instanceof Uint8Array ? bytesSource(file, "m.gguf") : file as Source;
  const map = changes instanceof Map ? changes : new Map(Object.entries(changes));
  const pieces: BlobPart[] = [];
  for await (const chunk of rewriteMetadata(source, map)) {
    assert.ok(chunk.length > 0, "an empty chunk");
    pieces.push(new Uint8Array(chunk));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

Deno.test("rewriteMetadata() gives the bytes that PyPI gguf writes: set longer, shorter, in another type, gone, new", async () => {
  const rewritten = await rewrite(foreign, {
    "t.array.array": undefined,
    "t.true": undefined,
    "t.string": { type: "string", value: "now a longer text: é" },
    "t.u8": { type: "int8", value: -3 },
    "lazy.anchor": { type: "int32[]", value: [0, 1, 1, 1, 4] },
    "lazy.mode": { type: "string", value: "gla" },
  });
  assert.deepEqual(rewritten, await vector("rewritten.gguf"));
});

Deno.test("rewriteMetadata() writes every type of value as PyPI gguf does", async () => {
  // the keys of foreign.gguf in its order; a nested array is the one thing that cannot be written
  const all: Record<string, TypedValue> = {
    "t.u8": { type: "uint8", value: 255 },
    "t.i8": { type: "int8", value: -128 },
    "t.u16": { type: "uint16", value: 65535 },
    "t.i16": { type: "int16", value: -32768 },
    "t.u32": { type: "uint32", value: 2 ** 32 - 1 },
    "t.i32": { type: "int32", value: -(2 ** 31) },
    "t.f32": { type: "float32", value: 0.15625 },
    "t.f64": { type: "float64", value: 0.1 },
    "t.u64": { type: "uint64", value: 2 ** 53 - 1 },
    "t.i64": { type: "int64", value: -5 },
    "t.u64.large": { type: "uint64", value: 2n ** 64n - 1n },
    "t.i64.large": { type: "int64", value: -(2n ** 63n) },
    "t.true": { type: "bool", value: true },
    "t.false": { type: "bool", value: false },
    "t.string": { type: "string", value: "café \u{1f98a}" },
    "t.string.bom": { type: "string", value: "\ufeffx" },
    "t.array.i32": { type: "int32[]", value: [1, -2, 3] },
    "t.array.f32": { type: "float32[]", value: [0.5, -0.25] },
    "t.array.bool": { type: "bool[]", value: [true, false, true] },
    "t.array.string": { type: "string[]", value: ["a", "", "ß\n"] },
  };
  const nested = { "t.array.array": undefined };
  const none = Object.fromEntries(Object.keys(all).map((key) => [key, undefined]));
  const bare = await rewrite(foreign, { ...none, ...nested });
  assert.deepEqual([...(await openGguf(bytesSource(bare))).metadata.entries()].length, 2);
  const wanted = await rewrite(foreign, nested);
  assert.deepEqual(await rewrite(bare, all), wanted, "all new");
  assert.deepEqual(await rewrite(foreign, { ...all, ...nested }), wanted, "all where they stand");
});

Deno.test("rewriteMetadata() without a change, and a change undone, give the file again", async () => {
  assert.deepEqual(await rewrite(foreign, {}), foreign);
  assert.deepEqual(await rewrite(foreign, { "not.there": undefined }), foreign);
  const plan = await rewrite(foreign, planMetadata(planOf(4, [2, 3], "vla")));
  assert.notDeepEqual(plan, foreign);
  assert.deepEqual(await rewrite(plan, planMetadata(undefined)), foreign);
});

Deno.test("rewriteMetadata() of planMetadata() makes a model carry a plan, and carry another", async () => {
  let bytes = foreign;
  for (const plan of [planOf(4, [2, 3], "vla"), planOf(4, [1], "gla"), planOf(4, [], "gla")]) {
    bytes = await rewrite(bytes, planMetadata(plan));
    assert.deepEqual(planFromMetadata((await openGguf(bytesSource(bytes))).metadata, 4), plan);
  }
});

Deno.test("rewriteMetadata() keeps data at every alignment, header length and version, and what lies behind the data", async () => {
  for (const alignment of [1, 8, 32, 4096]) {
    for (const length of [0, 1, 7, 31, 32, 33, 4095, 5000]) {
      const version = length % 2 + 2;
      const metadata = [["a", string("x")], ["general.alignment", uint32(alignment)]] as const;
      const file = writeGguf({ version, metadata, tensors: [ones("t", 3), ones("u", 5)], alignment });
      const behind = Uint8Array.from([...file, 9, 8, 7]);
      const rewritten = await rewrite(behind, { a: { type: "string", value: "y".repeat(length) } });
      const { tensors, metadata: now, version: same } = await openGguf(bytesSource(rewritten));
      assert.deepEqual([same, now.string("a").length], [version, length]);
      for (const { name, offset, bytes } of tensors.values()) {
        const values = new Float32Array(rewritten.slice(offset, offset + bytes).buffer);
        assert.deepEqual([...values], Array(name === "t" ? 3 : 5).fill(1), `${name}, ${alignment}, ${length}`);
      }
      assert.deepEqual([...rewritten.slice(-3)], [9, 8, 7]);
    }
  }
});

Deno.test("rewriteMetadata() of a file without tensors, padded or ending with its header", async () => {
  const padded = writeGguf({ metadata: [["a", uint32(1)]] });
  const bare = padded.slice(0, 24 + 8 + 1 + 4 + 4);
  for (const file of [padded, bare]) {
    const { metadata, tensors } = await openGguf(
      bytesSource(await rewrite(file, { b: { type: "bool", value: true } })),
    );
    assert.deepEqual([metadata.uint("a"), metadata.optionalBool("b"), tensors.size], [1, true, 0]);
  }
});

const large = writeGguf({
  metadata: [["a", string("x")]],
  tensors: [{ name: "t", type: 24, shape: [3 << 20], data: new Uint8Array(3 << 20).map((_, i) => i * 7 + (i >> 8)) }],
});

Deno.test("rewriteMetadata() holds no more than a chunk: chunks of 1 MiB at most, none read before the last is taken", async () => {
  const inner = bytesSource(large);
  const lengths: number[] = [];
  const source: Source = {
    ...inner,
    read: (offset, length) => (lengths.push(length), inner.read(offset, length)),
  };
  const chunks = rewriteMetadata(source, new Map([["b", { type: "bool", value: true }]]));
  let bytes = 0;
  let before = 0;
  for await (const chunk of chunks) {
    assert.ok(chunk.length > 0 && chunk.length <= 1 << 20, `${chunk.length} bytes`);
    if (bytes > 0) assert.ok(lengths.length <= before + 1, "read ahead");
    before = lengths.length;
    bytes += chunk.length;
  }
  assert.ok(lengths.every((length) => length <= 1 << 20));
  const { tensors } = await openGguf(bytesSource(await rewrite(source, {})));
  assert.equal(tensors.get("t")!.bytes, 3 << 20);
});

Deno.test("rewriteMetadata() asks for neighbouring pairs at once: the header twice, and each run of what is kept", async () => {
  const inner = bytesSource(foreign);
  const ranges: string[] = [];
  const source: Source = {
    ...inner,
    read: (offset, length) => (ranges.push(`${offset}+${length}`), inner.read(offset, length)),
  };
  const whole = `0+${foreign.length}`;
  await rewrite(source, { "lazy.mode": { type: "string", value: "gla" } });
  // of 23 pairs none is a range of its own: what stands before the count, the pairs, the tensors' list, the data
  assert.deepEqual(ranges.slice(0, 3), [whole, whole, "0+16"]);
  assert.equal(ranges.length, 6, ranges.join(" "));
});

Deno.test("rewriteMetadata() copies from a source's stream where it has one, and refuses one that ends early", async () => {
  const inner = bytesSource(large);
  const streaming = (missing: number): Source => ({
    ...inner,
    async *stream(offset, length) {
      for (let at = 0; at < length - missing; at += 100_000) {
        yield await inner.read(offset + at, Math.min(100_000, length - missing - at));
      }
    },
  });
  const change = { a: { type: "string", value: "changed" } } as const;
  assert.deepEqual(await rewrite(streaming(0), change), await rewrite(large, change));
  await assert.rejects(rewrite(streaming(1), change), { code: "source_failed" });
  const short: Source = {
    ...inner,
    read: async (offset, length) => (await inner.read(offset, length)).subarray(offset > 1 << 20 ? 1 : 0),
  };
  await assert.rejects(rewrite(short, change), { code: "source_failed" });
});

Deno.test("rewriteMetadata() fails with the source at each of its reads, for every read", async () => {
  const inner = bytesSource(large);
  let reads = 0;
  for (let failing = 0;; failing++) {
    reads = 0;
    const source: Source = {
      ...inner,
      read: (offset, length) => reads++ === failing ? Promise.reject(new Error("disk")) : inner.read(offset, length),
    };
    const done = await rewrite(source, {}).then(() => true, (error) => (assert.equal(error.message, "disk"), false));
    if (done) break;
  }
  assert.ok(reads > 5, `${reads} reads`);
});

Deno.test("rewriteMetadata() throws the signal's reason, also between chunks", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const chunk of rewriteMetadata(bytesSource(large), new Map(), controller.signal)) {
      if (chunk.length > 1000) controller.abort(reason);
    }
  }, (error) => error === reason);
});

Deno.test("rewriteMetadata() refuses keys and values that cannot be written, before it reads anything", async () => {
  const unread: Source = { name: "m", size: () => assert.fail("size"), read: () => assert.fail("read") };
  const wrong: [string, unknown, RegExp][] = [
    ["", { type: "bool", value: true }, /no metadata key/],
    ["a b", { type: "bool", value: true }, /no metadata key/],
    ["é", { type: "bool", value: true }, /no metadata key/],
    ["x".repeat(65536), { type: "bool", value: true }, /no metadata key/],
    ["general.alignment", { type: "uint32", value: 64 }, /cannot be changed/],
    ["general.alignment", undefined, /cannot be changed/],
    ["k", { type: "uint8", value: 256 }, /from 0 to 255 \(uint8\), it is 256/],
    ["k", { type: "int32[]", value: [0, 2 ** 31] }, /from -2147483648 to 2147483647 \(int32\), it is 2147483648/],
    ["k", { type: "int32", value: 0.5 }, /it is 0\.5/],
    ["k", { type: "uint64", value: 2 ** 53 }, /it is 9007199254740992/],
    ["k", { type: "uint64", value: 2n ** 64n }, /it is 18446744073709551616/],
    ["k", { type: "int64", value: NaN }, /it is NaN/],
    ["k", { type: "float32", value: "1" }, /must be a number, it is 1/],
    ["k", { type: "bool", value: 1 }, /must be true or false, it is 1/],
    ["k", { type: "string", value: 1 }, /must be text, it is 1/],
    ["k", { type: "string[]", value: "abc" }, /is no array/],
    ["k", { type: "complex", value: 1 }, /the type "complex"/],
    ["k", { type: "int32[][]", value: [] }, /the type "int32\[\]\[\]"/],
    ["k", { type: "toString", value: 1 }, /the type "toString"/],
  ];
  for (const [key, value, message] of wrong) {
    const changes = new Map([[key, value as TypedValue | undefined]]);
    await assert.rejects(rewriteMetadata(unread, changes).next(), { code: "argument_invalid", message });
  }
});

Deno.test("rewriteMetadata() refuses damaged files and parts of split sets, cut at every byte", async () => {
  const last = [...(await openGguf(bytesSource(foreign))).tensors.values()].at(-1)!;
  // behind the last tensor is padding only
  for (let length = 0; length < last.offset + last.bytes; length++) {
    const rewritten = rewrite(foreign.slice(0, length), {});
    await assert.rejects(rewritten, { name: "LorisError", code: "file_invalid" }, `cut to ${length}`);
  }
  await assert.rejects(rewrite(await vector("big-endian.gguf"), {}), {
    code: "file_invalid",
    message: /no little-endian GGUF of version 2 or 3/,
  });
  const [first] = writeSplit([[ones("a", 4)], [ones("b", 4)]]);
  await assert.rejects(rewrite(first!, {}), { code: "file_unsupported", message: /one of 2 split files; merge/ });
});
