/** `quantize`: streams and split sets, damaged files, sources that fail, iterations side by side. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { rewriteMetadata } from "../../sdk/gguf/rewrite.ts";
import { quantize } from "../../sdk/quantize.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { ones, writeGguf } from "../gguf/write.ts";
import { rejection, streamed, watched } from "./model.ts";
import { collect, quantized, seededPair, SMALL, withTensors } from "./quantize.ts";

const small = await seededPair(SMALL);
const wanted = Buffer.from(await quantized(small.text, "q4"));

Deno.test("quantize() says the file's size before, and gives it in pieces that are small beside it", async () => {
  const plan = await quantize(bytesSource(small.text), { type: "q4" });
  assert.deepEqual([plan.fileBytes, plan.sourceBytes], [wanted.length, small.text.length]);
  let most = 0;
  for await (const chunk of plan.chunks()) most = Math.max(most, chunk.length);
  assert.ok(most <= 1 << 20, `${most} bytes`);
});

Deno.test("quantize() reads nothing of a tensor before it is asked for it, then each once, and holds none", async () => {
  let reads = 0;
  const source = watched(small.text, "in.gguf", () => void reads++);
  const plan = await quantize(source, { type: "q4" });
  const before = reads;
  const chunks = plan.chunks();
  await chunks.next();
  assert.ok(reads <= before + 1, "the header alone");
  await chunks.return();
  const seen: number[] = [];
  let at = 0;
  for await (const chunk of plan.chunks()) (seen.push(reads), at += chunk.length);
  assert.equal(at, plan.fileBytes);
  assert.ok(seen[Math.floor(seen.length / 2)]! < reads - 5, "reading goes along with writing");
});

Deno.test("quantize() of a source with a stream, and twice side by side, gives the same bytes", async () => {
  const stream = await quantize(streamed(small.text, "in.gguf", () => {}), { type: "q4" });
  assert.ok(wanted.equals(await collect(stream.chunks())));
  const [a, b] = [stream.chunks(), stream.chunks()];
  const [left, right]: Uint8Array[][] = [[], []];
  for (;;) {
    const [x, y] = [await a.next(), await b.next()];
    if (x.done || y.done) break;
    left!.push(x.value);
    right!.push(y.value);
  }
  assert.ok(wanted.equals(Buffer.concat(left!)) && wanted.equals(Buffer.concat(right!)));
});

Deno.test("quantize() makes one file of a split set, without what says that it was split", async () => {
  const count = (await openGguf(bytesSource(small.text))).tensors.size + 1;
  const split = (no: number) =>
    new Map(Object.entries(
      {
        "split.no": { type: "uint16", value: no },
        "split.count": { type: "uint16", value: 2 },
        "split.tensors.count": { type: "int32", value: count },
      } as const,
    ));
  const parts = [small.text, writeGguf({ tensors: [ones("more", 40)] })];
  const sources = await Promise.all(
    parts.map(async (part, i) => bytesSource(await collect(rewriteMetadata(bytesSource(part), split(i))), `part ${i}`)),
  );
  const made = await openGguf(bytesSource(await collect((await quantize(sources, { type: "q4" })).chunks())));
  assert.equal([...made.metadata.entries()].some(([key]) => key.startsWith("split.")), false);
  const whole = await openGguf(bytesSource(wanted));
  assert.deepEqual([...made.tensors.keys()], [...whole.tensors.keys(), "more"]);
  for (const [name, { offset, bytes }] of whole.tensors) {
    const there = made.tensors.get(name)!;
    const read = await there.source.read(there.offset, there.bytes);
    assert.ok(wanted.subarray(offset, offset + bytes).equals(read), name);
  }
});

Deno.test("quantize() keeps the file's version", async () => {
  const aligned = small.text.slice();
  aligned[4] = 2;
  const file = await quantized(aligned, "q4");
  assert.equal((await openGguf(bytesSource(file))).version, 2);
  file[4] = 3;
  assert.ok(wanted.equals(file));
});

Deno.test("quantize() refuses a weight that is no number by its tensor's name, in the middle of writing", async () => {
  const bad = new Float16Array(64 * 64).fill(0.01);
  bad[1234] = NaN;
  const data = new Uint8Array(bad.buffer);
  const file = await withTensors(small.text, { "blk.1.attn_q.weight": { type: "F16", data } });
  const plan = await quantize(bytesSource(file, "m.gguf"), { type: "q8" });
  const { code, message } = await rejection(collect(plan.chunks()));
  assert.equal(code, "file_invalid");
  assert.match(message, /m\.gguf: blk\.1\.attn_q\.weight holds a weight that is not a finite number/);
});

Deno.test("quantize() refuses files that are no model, and types that are none", async () => {
  const type = await rejection(quantize(bytesSource(small.text), { type: "q5" as "q4" }));
  assert.deepEqual([type.code, type.param], ["argument_invalid", "type"]);
  const none = await rejection(quantize(bytesSource(writeGguf({ tensors: [ones("a", 4)] })), { type: "q4" }));
  assert.deepEqual([none.code, /general\.architecture is missing/.test(none.message)], ["file_invalid", true]);
  const cut = await rejection(quantize(bytesSource(small.text.subarray(0, 1 << 20)), { type: "q4" }));
  assert.equal(cut.code, "file_invalid");
});

Deno.test("quantize() ends with a source's error, and with a signal's reason, at every read", async () => {
  let reads = 0;
  await collect((await quantize(watched(small.text, "m", () => void reads++), { type: "q4" })).chunks());
  assert.ok(reads > 20, `${reads} reads`);
  const reason = new Error("the disk is gone");
  for (let k = 0; k < reads; k++) {
    let seen = 0;
    const broken = watched(small.text, "m", () => {
      if (seen++ === k) throw reason;
    });
    const failed = async () => await collect((await quantize(broken, { type: "q4" })).chunks());
    assert.equal(await rejection(failed()), reason, `read ${k}`);
    const controller = new AbortController();
    let at = 0;
    const aborting = watched(small.text, "m", () => {
      if (at++ === k) controller.abort(reason);
    });
    const aborted = async () =>
      await collect((await quantize(aborting, { type: "q4", signal: controller.signal })).chunks());
    assert.equal(await rejection(aborted()), reason, `abort at read ${k}`);
  }
});
