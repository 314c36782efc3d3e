import assert from "node:assert/strict";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { DOGS, open, rejection, sources, TEXT, VISION } from "./model.ts";

/** The bytes with some replaced: `find` is looked for and `put` written over it, of the same length. */
function replaced(bytes: Uint8Array, find: Uint8Array, put: Uint8Array): Uint8Array {
  assert.equal(find.length, put.length);
  const copy = bytes.slice();
  for (let at = 0; at < 1 << 20; at++) {
    if (find.every((b, i) => copy[at + i] === b)) {
      copy.set(put, at);
      return copy;
    }
  }
  throw new Error("not found");
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
  await refused(withUint(TEXT, "llama.embedding_length", 576, 585), VISION, "file_invalid", /head width/);
  await refused(TEXT, withUint(VISION, "clip.vision.patch_size", 14, 15), "file_invalid", /15 pixels do not fill/);
  await refused(TEXT, withUint(VISION, "clip.vision.image_size", 224, 1 << 30), "file_invalid", /image_size/);
});

Deno.test("a wrong shape is refused with the tensor, what it has and what was wanted", async () => {
  const wide = withUint(TEXT, "llama.feed_forward_length", 1536, 1504);
  await refused(wide, VISION, "file_invalid", /ffn_gate\.weight has the shape \[576, 1536\], .* \[576, 1504\]/);
});

Deno.test("another projector, architecture or missing tensor is refused by name", async () => {
  const pairs: [Uint8Array, string, string, RegExp][] = [
    [VISION, "idefics3", "idefics9", /"idefics9", supported is "idefics3"/],
    [VISION, "mm.model.fc.weight", "mm.model.fx.weight", /mm\.model\.fc\.weight is missing/],
  ];
  for (const [file, find, put, message] of pairs) {
    const code = put === "idefics9" ? "file_unsupported" : "file_invalid";
    await refused(TEXT, replaced(file, ascii(find), ascii(put)), code, message);
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

Deno.test("a weight that is not a number is refused with its tensor; zeroed weights end in an answer or a typed error", async () => {
  const { tensors } = await openGguf(bytesSource(TEXT));
  const at = tensors.get("blk.5.ffn_up.weight")!.offset;
  const broken = TEXT.slice();
  broken.set([0x00, 0x7e], at + 18 * 100);
  await refused(
    broken,
    VISION,
    "file_invalid",
    /text\.gguf: blk\.5\.ffn_up\.weight holds a weight that is not a finite/,
  );
  const zeroed = TEXT.slice();
  zeroed.fill(0, at);
  const captioner = await open(sources(zeroed));
  const outcome = await captioner.caption(DOGS, { maxTokens: 4 }).result.catch((error) => error);
  assert.ok(typeof outcome.text === "string" || outcome.code === "non_finite", String(outcome));
});
