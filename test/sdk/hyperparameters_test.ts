/** Files that are well formed and say something absurd of their network: refused by the key, before memory is taken for it. */
import assert from "node:assert/strict";
import { load } from "../../sdk/load.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { float32 } from "../bench/gguf_file.ts";
import { array, type ByteWriter, string, uint32, type Value, VALUE_TYPES } from "../gguf/write.ts";
import { look, MODULES, openTiny, PAIR } from "../faults/tiny.ts";
import { MIB, rejection } from "./model.ts";
import { memoriesOf } from "./spy.ts";
import { type Changes, tinyPair } from "./tiny_pair.ts";

const int32 = (v: number): Value => (w) => w.u32(VALUE_TYPES.i32).i32(v);
const uint64 = (v: bigint): Value => (w) => w.u32(VALUE_TYPES.u64).u64(v);
const flag: Value = (w) => w.u32(VALUE_TYPES.bool).u8(1);
const floats = (...values: number[]): Value => array(VALUE_TYPES.f32, values.map((v) => (w: ByteWriter) => w.f32(v)));
const strings = (...values: string[]): Value =>
  array(VALUE_TYPES.string, values.map((v) => (w: ByteWriter) => w.string(v)));

/** Of a key that takes a whole number from 1. */
const NO_COUNT: Readonly<Record<string, Value | undefined>> = {
  "0": uint32(0),
  "-1": int32(-1),
  "2^32 - 1": uint32(2 ** 32 - 1),
  "2^48": uint64(2n ** 48n),
  "2^64 - 1": uint64(2n ** 64n - 1n),
  "1.5": float32(1.5),
  "NaN": float32(NaN),
  "Infinity": float32(Infinity),
  "a word": string("2"),
  "true": flag,
  "a list": floats(2),
  "an empty list": array(VALUE_TYPES.u32, []),
};
/** Of a key that takes a positive number. */
const NOT_POSITIVE: typeof NO_COUNT = {
  "0": float32(0),
  "-1": float32(-1),
  "NaN": float32(NaN),
  "Infinity": float32(Infinity),
  "-Infinity": float32(-Infinity),
  "a word": string("1e-5"),
  "true": flag,
  "a list": floats(1e-5),
};
/** Of a key that takes three numbers. */
const NOT_THREE: typeof NO_COUNT = {
  "two": floats(0.5, 0.5),
  "four": floats(0.5, 0.5, 0.5, 0.5),
  "none": floats(),
  "NaN": floats(0.5, NaN, 0.5),
  "Infinity": floats(0.5, 0.5, Infinity),
  "one number": float32(0.5),
  "words": strings("a", "b", "c"),
};
const missing = { "nothing": undefined };

const KEYS: Readonly<Record<string, typeof NO_COUNT>> = {
  "llama.block_count": { ...NO_COUNT, ...missing },
  "llama.context_length": { ...NO_COUNT, ...missing },
  "llama.embedding_length": { ...NO_COUNT, ...missing },
  "llama.feed_forward_length": { ...NO_COUNT, ...missing },
  "llama.attention.head_count": { ...NO_COUNT, ...missing },
  "llama.attention.head_count_kv": NO_COUNT,
  "llama.attention.key_length": NO_COUNT,
  "llama.rope.dimension_count": NO_COUNT,
  "llama.rope.freq_base": NOT_POSITIVE,
  "llama.attention.layer_norm_rms_epsilon": { ...NOT_POSITIVE, ...missing },
  "clip.vision.block_count": { ...NO_COUNT, ...missing },
  "clip.vision.embedding_length": { ...NO_COUNT, ...missing },
  "clip.vision.feed_forward_length": { ...NO_COUNT, ...missing },
  "clip.vision.attention.head_count": { ...NO_COUNT, ...missing },
  "clip.vision.image_size": { ...NO_COUNT, ...missing },
  "clip.vision.patch_size": { ...NO_COUNT, ...missing },
  "clip.vision.projector.scale_factor": { ...NO_COUNT, ...missing },
  "clip.vision.projection_dim": { ...NO_COUNT, ...missing },
  "clip.vision.preproc_image_size": NO_COUNT,
  "clip.vision.attention.layer_norm_epsilon": { ...NOT_POSITIVE, ...missing },
  "clip.vision.image_mean": { ...NOT_THREE, ...missing },
  "clip.vision.image_std": { ...NOT_THREE, "0": floats(0.5, 0, 0.5), "-1": floats(-1, 0.5, 0.5), ...missing },
  "tokenizer.ggml.tokens": { "no list": string("a"), "numbers": floats(1, 2), ...missing },
  "tokenizer.ggml.token_type": { "no list": uint32(1), "words": strings("a"), ...missing },
  "tokenizer.ggml.merges": { "no list": uint32(1), "numbers": floats(1, 2), ...missing },
  "tokenizer.ggml.eos_token_id": {
    "16": uint32(16),
    "2^32 - 1": uint32(2 ** 32 - 1),
    "-1": int32(-1),
    "a word": string("1"),
  },
};

const open = (text: Uint8Array, vision: Uint8Array) =>
  load({ text: bytesSource(text, "text.gguf"), vision: bytesSource(vision, "vision.gguf"), modules: MODULES });

/** Loads the tiny pair with changes; no memory but the kernels' own may be taken for it. */
async function refused(changes: Changes): Promise<Awaited<ReturnType<typeof rejection>>> {
  const { text, vision } = tinyPair(changes);
  let error: Awaited<ReturnType<typeof rejection>> | undefined;
  const memories = await memoriesOf(async () => {
    error = await rejection(open(text, vision));
  });
  const bytes = memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  assert.ok(bytes < MIB / 4, `${bytes} bytes were taken`);
  return error!;
}

for (const [key, values] of Object.entries(KEYS)) {
  Deno.test(`load() refuses what is no ${key}, by its name`, async () => {
    for (const [what, value] of Object.entries(values)) {
      const { name, code, message } = await refused({ [key]: value });
      assert.deepEqual([name, code], ["LorisError", "file_invalid"], `${what}: ${message}`);
      assert.ok(message.includes(key), `${what}: ${message}`);
    }
  });
}

/** Numbers that are possible, each alone, and contradict another one or the tensors. */
const CONTRADICTIONS: readonly [changes: Changes, code: string, message: RegExp][] = [
  [{ "llama.block_count": uint32(3) }, "file_invalid", /blk\.2\.attn_norm\.weight is missing/],
  [
    { "llama.embedding_length": uint32(128), "llama.rope.dimension_count": undefined },
    "pair_mismatch",
    /width 64, text\.gguf has the width 128/,
  ],
  [
    { "llama.feed_forward_length": uint32(97) },
    "file_invalid",
    /ffn_gate\.weight has the shape \[64, 96\].*\[64, 97\]/,
  ],
  [{ "llama.attention.head_count": uint32(3) }, "file_invalid", /not a multiple of the 3 heads/],
  [{ "llama.attention.head_count": uint32(64) }, "file_unsupported", /head width of 1 is not supported/],
  [{ "llama.attention.head_count_kv": uint32(3) }, "file_invalid", /2 query heads cannot be shared by 3 key heads/],
  [
    { "llama.attention.head_count_kv": undefined },
    "file_invalid",
    /attn_k\.weight has the shape \[64, 32\].*\[64, 64\]/,
  ],
  [{ "llama.rope.dimension_count": uint32(16) }, "file_unsupported", /dimension_count 16 is not supported/],
  [
    { "clip.vision.block_count": uint32(4) },
    "file_invalid",
    /v\.blk\.3\.ln1\.weight is missing|v\.blk\.3\.ffn_up\.weight is missing/,
  ],
  [{ "clip.vision.image_size": uint32(40) }, "file_invalid", /a pixel shuffle of 2 does not divide a grid of 5/],
  [{ "clip.vision.image_size": uint32(8192) }, "file_invalid", /v\.position_embd\.weight has the shape/],
  [{ "clip.vision.patch_size": uint32(7) }, "file_invalid", /patches of 7 pixels do not fill a side of 32/],
  [{ "clip.vision.patch_size": uint32(16) }, "file_invalid", /v\.patch_embd\.weight has the shape/],
  [
    { "clip.vision.projector.scale_factor": uint32(3) },
    "file_invalid",
    /a pixel shuffle of 3 does not divide a grid of 4/,
  ],
  [{ "clip.vision.projector.scale_factor": uint32(4) }, "file_invalid", /mm\.model\.fc\.weight has the shape/],
  [
    { "clip.vision.projection_dim": uint32(63) },
    "pair_mismatch",
    /image tokens of width 63, text\.gguf has the width 64/,
  ],
  [
    { "tokenizer.ggml.tokens": strings("<image>") },
    "file_invalid",
    /token_embd\.weight has the shape \[64, 16\].*\[64, 1\]/,
  ],
  [{ "tokenizer.ggml.tokens": strings() }, "pair_mismatch", /no token <image>/],
  [
    { "tokenizer.ggml.token_type": array(VALUE_TYPES.i32, []) },
    "file_invalid",
    /token_type holds 0 types for 16 tokens/,
  ],
];

Deno.test("load() refuses numbers that contradict each other or the tensors, with both", async () => {
  for (const [changes, code, message] of CONTRADICTIONS) {
    const error = await refused(changes);
    assert.match(error.message, message);
    assert.equal(error.code, code, error.message);
  }
});

Deno.test("load() takes what is large and harmless for what it says: contexts are cut, layers that are left over not read", async () => {
  for (const key of ["llama.context_length", "llama.vocab_size"]) {
    const { text, vision } = tinyPair({ [key]: uint32(2 ** 24) });
    const captioner = await open(text, vision);
    assert.ok(captioner.contextTokens <= 2048, `${captioner.contextTokens}`);
    await captioner.close();
  }
  const { text, vision } = tinyPair({ "llama.block_count": uint32(1) });
  const captioner = await open(text, vision);
  assert.equal(captioner.lazy.layers, 1);
  await captioner.close();
});

Deno.test("a byte changed in a header of the pair ends in a LorisError, or in an answer", async () => {
  const codes = new Map<string, number>();
  for (const file of ["text", "vision"] as const) {
    const { tensors } = await openGguf(bytesSource(PAIR[file]));
    const headerBytes = Math.min(...Array.from(tensors.values(), ({ offset }) => offset));
    // a stride that shares no divisor with the sizes of fields
    for (let at = 0; at < headerBytes; at += 23) {
      for (const turn of [1, 0x80]) {
        const changed = PAIR[file].slice();
        changed[at]! ^= turn;
        const outcome = await openTiny({ [file]: bytesSource(changed) }).then(look).catch((error) => error);
        if (outcome instanceof Error) assert.equal(outcome.name, "LorisError", `byte ${at} of ${file}: ${outcome}`);
        const code = (outcome as { code?: string }).code ?? "answered";
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }
  }
  assert.ok(codes.get("file_invalid")! > 300 && codes.get("answered")! > 10, JSON.stringify([...codes]));
});
