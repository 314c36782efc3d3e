import assert from "node:assert/strict";
import { type GgmlTypeName, type GgufFile, openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { ByteWriter, string, type Value, VALUE_TYPES } from "../gguf/write.ts";
import { DOGS, MIB, open, rejection, sources, TEXT, VISION } from "./model.ts";

/** Where a stretch of bytes begins in a file's header. */
function indexOf(bytes: Uint8Array, find: Uint8Array): number {
  // latin1 makes every byte one character, and text can be searched at the engine's speed
  const latin1 = (part: Uint8Array) => new TextDecoder("iso-8859-1").decode(part);
  const at = latin1(bytes.subarray(0, 1 << 22)).indexOf(latin1(find));
  assert.ok(at >= 0, "what is to be changed must be there");
  return at;
}

/** The bytes with some replaced: `find` is looked for and `put` written over it, of the same length. */
function replaced(bytes: Uint8Array, find: Uint8Array, put: Uint8Array): Uint8Array {
  assert.equal(find.length, put.length);
  const copy = bytes.slice();
  copy.set(put, indexOf(bytes, find));
  return copy;
}

const ascii = (text: string) => new TextEncoder().encode(text);

/** A u32 metadata value: its key's name, the type number 4, and the value. */
function withUint(bytes: Uint8Array, key: string, before: number, after: number): Uint8Array {
  const entry = (value: number) => {
    const name = ascii(key);
    const out = new Uint8Array(name.length + 8);
    out.set(name);
    new DataView(out.buffer).setUint32(name.length, 4, true);
    new DataView(out.buffer).setUint32(name.length + 4, value, true);
    return out;
  };
  return replaced(bytes, entry(before), entry(after));
}

/** An f32 metadata value overwritten. */
function withFloat(bytes: Uint8Array, key: string, value: number): Uint8Array {
  const copy = bytes.slice();
  const at = indexOf(copy, ascii(key)) + key.length;
  const view = new DataView(copy.buffer);
  assert.equal(view.getUint32(at, true), VALUE_TYPES.f32, key);
  view.setFloat32(at + 4, value, true);
  return copy;
}

/** One more pair at the front of the metadata, and one of spaces that keeps the weights' alignment. */
function withPair(bytes: Uint8Array, key: string, value: Value): Uint8Array {
  const HEADER_BYTES = 24;
  const pairs = new ByteWriter();
  value(pairs.string(key));
  const filler = "a filler";
  const rest = pairs.length + 8 + filler.length + 4 + 8;
  string(" ".repeat(32 - rest % 32))(pairs.string(filler));
  const out = new Uint8Array(bytes.length + pairs.length);
  out.set(bytes.subarray(0, HEADER_BYTES));
  out.set(pairs.bytes(), HEADER_BYTES);
  out.set(bytes.subarray(HEADER_BYTES), HEADER_BYTES + pairs.length);
  const count = new DataView(out.buffer);
  count.setBigUint64(16, count.getBigUint64(16, true) + 2n, true);
  return out;
}

/** A tensor's type number overwritten. */
function withType(bytes: Uint8Array, name: string, type: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const at = indexOf(copy, ascii(name)) + name.length;
  const dimensions = view.getUint32(at, true);
  view.setUint32(at + 4 + 8 * dimensions, type, true);
  return copy;
}

async function refused(text: Uint8Array, vision: Uint8Array, code: string, message: RegExp): Promise<void> {
  const error = await rejection(open(sources(text, vision)));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
}

Deno.test("swapped and doubled files are refused with what to do", async () => {
  await refused(VISION, TEXT, "pair_mismatch", /vision file: give it as `vision`/);
  await refused(TEXT, TEXT, "pair_mismatch", /text file: give it as `text`/);
});

Deno.test("a projector of another width is refused with both files and both numbers", async () => {
  const other = withUint(VISION, "clip.vision.projection_dim", 576, 960);
  await refused(TEXT, other, "pair_mismatch", /vision\.gguf .* 960, text\.gguf .* 576/);
});

Deno.test("impossible hyper-parameters are refused by name, before anything is allocated for them", async () => {
  await refused(withUint(TEXT, "llama.attention.head_count", 9, 0), VISION, "file_invalid", /head_count/);
  await refused(withUint(TEXT, "llama.attention.head_count_kv", 3, 4), VISION, "file_invalid", /9 query heads .* 4/);
  await refused(
    withUint(TEXT, "llama.block_count", 12, 13),
    VISION,
    "file_invalid",
    /blk\.12\.attn_norm\.weight is missing/,
  );
  await refused(withUint(TEXT, "llama.block_count", 12, 4e9), VISION, "file_invalid", /block_count/);
  await refused(withUint(TEXT, "llama.embedding_length", 576, 577), VISION, "file_invalid", /multiple of the 9 heads/);
  await refused(withUint(TEXT, "llama.embedding_length", 576, 585), VISION, "file_unsupported", /head width of 65/);
  await refused(TEXT, withUint(VISION, "clip.vision.patch_size", 14, 15), "file_invalid", /15 pixels do not fill/);
  await refused(TEXT, withUint(VISION, "clip.vision.image_size", 224, 1 << 30), "file_invalid", /image_size/);
});

Deno.test("an epsilon that is no positive number, and rope scaling, are refused by name", async () => {
  const eps = "llama.attention.layer_norm_rms_epsilon";
  for (const value of [NaN, Infinity, 0, -1e-5]) {
    await refused(withFloat(TEXT, eps, value), VISION, "file_invalid", new RegExp(`${eps} is .*positive`));
  }
  const visionEps = "clip.vision.attention.layer_norm_epsilon";
  await refused(TEXT, withFloat(VISION, visionEps, NaN), "file_invalid", /layer_norm_epsilon is NaN/);
  const scaled = withPair(TEXT, "llama.rope.scaling.type", string("yarn"));
  await refused(scaled, VISION, "file_unsupported", /llama\.rope\.scaling\.type "yarn" is not supported/);
  const none = await open(sources(withPair(TEXT, "llama.rope.scaling.type", string("none")), VISION));
  assert.match((await none.caption(DOGS).result).text, /dog/, "the file with a pair more is a right one");
});

Deno.test("a type that cannot be read is refused by its name, with the tensor's", async () => {
  await refused(
    withType(TEXT, "blk.3.ffn_down.weight", 10),
    VISION,
    "file_unsupported",
    /text\.gguf: blk\.3\.ffn_down\.weight has the type Q2_K; readable are .*Q4_K/,
  );
  await refused(withType(TEXT, "blk.3.ffn_down.weight", 99), VISION, "file_unsupported", /ffn_down\.weight .*\b99\b/);
});

Deno.test("a wrong shape is refused with the tensor, what it has and what was wanted", async () => {
  const wide = withUint(TEXT, "llama.feed_forward_length", 1536, 1504);
  await refused(wide, VISION, "file_invalid", /ffn_gate\.weight has the shape \[576, 1536\], .* \[576, 1504\]/);
});

Deno.test("another projector, architecture or missing tensor is refused by name", async () => {
  const pairs: [Uint8Array, string, string, RegExp][] = [
    [VISION, "idefics3", "idefics9", /"idefics9", supported is "idefics3"/],
    [VISION, "mm.model.fc.weight", "mm.model.fx.weight", /mm\.model\.fc\.weight is missing/],
    [VISION, "v.blk.7.ln2.bias", "v.blk.7.ln2.bixs", /v\.blk\.7\.ln2\.bias is missing/],
    [TEXT, "blk.5.ffn_up.weight", "blk.5.ffn_xx.weight", /blk\.5\.ffn_up\.weight is missing/],
  ];
  for (const [file, find, put, message] of pairs) {
    const code = put === "idefics9" ? "file_unsupported" : "file_invalid";
    const changed = replaced(file, ascii(find), ascii(put));
    await (file === TEXT ? refused(changed, VISION, code, message) : refused(TEXT, changed, code, message));
  }
  const noImage = replaced(TEXT, ascii("\x07\0\0\0\0\0\0\0<image>"), ascii("\x07\0\0\0\0\0\0\0<imagX>"));
  await refused(noImage, VISION, "pair_mismatch", /no token <image>/);
});

Deno.test("a cut file is refused, wherever it was cut", async () => {
  for (const share of [0, 0.00001, 0.001, 0.01, 0.5, 0.999]) {
    const cut = TEXT.subarray(0, Math.floor(TEXT.length * share));
    const error = await rejection(open(sources(cut)));
    assert.equal(error.code, "file_invalid", `${share}: ${error.message}`);
  }
});

Deno.test("a scale, weight or norm that is not a finite number is refused with its tensor", async () => {
  const [text, vision] = [await openGguf(bytesSource(TEXT)), await openGguf(bytesSource(VISION))];
  const f16 = { nan: [0x00, 0x7e], infinite: [0x00, 0x7c], negativeInfinite: [0x00, 0xfc] };
  const cases: [Uint8Array, GgufFile, string, GgmlTypeName, number, number[]][] = [
    // type, bytes from the tensor's start to a block's scale or an element, what is written there
    [TEXT, text, "blk.5.ffn_up.weight", "Q4_0", 18 * 100, f16.nan],
    [TEXT, text, "blk.11.attn_q.weight", "Q4_0", 0, f16.infinite],
    [TEXT, text, "output_norm.weight", "F32", 4 * 575, [0, 0, 0xc0, 0x7f]],
    [VISION, vision, "v.blk.0.ffn_up.weight", "Q8_0", 34 * 7, f16.negativeInfinite],
    [VISION, vision, "v.post_ln.bias", "F32", 0, [0, 0, 0x80, 0xff]],
  ];
  for (const [bytes, file, name, type, at, put] of cases) {
    const tensor = file.tensors.get(name)!;
    assert.equal(tensor.type, type, name);
    const broken = bytes.slice();
    broken.set(put, tensor.offset + at);
    const message = new RegExp(`${name.replaceAll(".", "\\.")} holds a weight that is not a finite number`);
    if (file === text) await refused(broken, VISION, "file_invalid", message);
    else await refused(TEXT, broken, "file_invalid", message);
  }
});

Deno.test("zeroed weights end in an answer or a typed error", async () => {
  const [text, vision] = [await openGguf(bytesSource(TEXT)), await openGguf(bytesSource(VISION))];
  const start = (file: GgufFile) => Math.min(...Array.from(file.tensors.values(), (t) => t.offset));
  const zeroed = (bytes: Uint8Array, from: number) => bytes.slice().fill(0, from);
  const pairs = [
    sources(zeroed(TEXT, start(text)), VISION),
    sources(TEXT, zeroed(VISION, start(vision))),
    sources(zeroed(TEXT, text.tensors.get("blk.5.ffn_up.weight")!.offset), VISION),
  ];
  for (const pair of pairs) {
    const captioner = await open(pair);
    const outcome = await captioner.caption(DOGS, { maxTokens: 4 }).result.catch((error) => error);
    assert.ok(typeof outcome.text === "string" || outcome.code === "non_finite", String(outcome));
  }
});

Deno.test("finite weights that overflow in the network are reported as non_finite, never as text", async () => {
  const { tensors } = await openGguf(bytesSource(TEXT));
  const huge = TEXT.slice();
  const norm = tensors.get("output_norm.weight")!;
  const values = new DataView(huge.buffer, norm.offset, norm.bytes);
  for (let at = 0; at < norm.bytes; at += 4) values.setFloat32(at, 3e38, true);
  const captioner = await open(sources(huge));
  const seen: string[] = [];
  const failed = await rejection((async () => {
    for await (const delta of captioner.caption(DOGS)) seen.push(delta);
  })());
  assert.deepEqual([failed.code, seen], ["non_finite", []], failed.message);
  assert.equal((await rejection(captioner.caption(DOGS, { temperature: 1 }).result)).code, "non_finite");
});

Deno.test("a bit turned anywhere in a header ends in a typed error or changes nothing that matters", async () => {
  // a budget under any plan: what is still a model is refused there, with nothing allocated
  const memoryBudget = 20 * MIB;
  let state = 20260131;
  const random = (below: number) => (state = (state * 48271) % 2147483647) % below;
  const codes = new Map<string, number>();
  for (const [bytes, other] of [[TEXT, VISION], [VISION, TEXT]] as const) {
    const { tensors } = await openGguf(bytesSource(bytes));
    const headerBytes = Math.min(...Array.from(tensors.values(), (t) => t.offset));
    const regions = [[0, 1500], [headerBytes - 64 * tensors.size, headerBytes]] as const;
    for (let i = 0; i < 80; i++) {
      const [from, to] = regions[i % 2]!;
      const turned = bytes.slice(0);
      const at = from + random(to - from);
      turned[at]! ^= 1 << random(8);
      const pair = bytes === TEXT ? sources(turned, other) : sources(other, turned);
      const error = await rejection(open({ ...pair, memoryBudget }));
      assert.equal(error.name, "LorisError", `byte ${at}: ${error.message}`);
      codes.set(error.code!, (codes.get(error.code!) ?? 0) + 1);
    }
  }
  assert.ok(codes.get("file_invalid")! > 40, JSON.stringify([...codes]));
});
