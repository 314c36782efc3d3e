/** Whole GGUF files of a few hundred bytes to a few thousand: a decoder, an encoder, and odd ones. */
import {
  array,
  nested,
  ones,
  string,
  uint16,
  uint32,
  type Value,
  VALUE_TYPES,
  writeGguf,
  writeSplit,
} from "../gguf/write.ts";

const float = (v: number): Value => (w) => w.u32(VALUE_TYPES.f32).f32(v);
const flag = (v: boolean): Value => (w) => w.u32(VALUE_TYPES.bool).u8(v ? 1 : 0);
const strings = (items: readonly string[]): Value =>
  array(VALUE_TYPES.string, items.map((item) => (w) => w.string(item)));
const ints = (items: readonly number[]): Value => array(VALUE_TYPES.i32, items.map((item) => (w) => w.i32(item)));
const floats = (items: readonly number[]): Value => array(VALUE_TYPES.f32, items.map((item) => (w) => w.f32(item)));
const matrix = (name: string, rows: number) => ones(name, 8 * rows, { shape: [8, rows] });

const TOKENS = ["a", "b", "ab", "Ġ", "<image>", "<|im_end|>"];

const decoder = writeGguf({
  metadata: [
    ["general.architecture", string("llama")],
    ["llama.embedding_length", uint32(8)],
    ["llama.attention.head_count", uint32(1)],
    ["llama.block_count", uint32(1)],
    ["llama.feed_forward_length", uint32(8)],
    ["llama.attention.layer_norm_rms_epsilon", float(1e-5)],
    ["llama.context_length", uint32(64)],
    ["tokenizer.ggml.model", string("gpt2")],
    ["tokenizer.ggml.pre", string("smollm")],
    ["tokenizer.ggml.tokens", strings(TOKENS)],
    ["tokenizer.ggml.token_type", ints([1, 1, 1, 1, 3, 3])],
    ["tokenizer.ggml.merges", strings(["a b"])],
    ["tokenizer.ggml.eos_token_id", uint32(5)],
    ["tokenizer.ggml.add_bos_token", flag(false)],
    ["lazy.anchor", ints([0])],
    ["lazy.mode", string("gla")],
  ],
  tensors: [
    matrix("token_embd.weight", TOKENS.length),
    ...["attn_norm", "ffn_norm"].map((name) => ones(`blk.0.${name}.weight`, 8)),
    ...["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map((name) =>
      matrix(`blk.0.${name}.weight`, 8)
    ),
    ones("output_norm.weight", 8),
  ],
});

const encoder = writeGguf({
  metadata: [
    ["general.architecture", string("clip")],
    ["clip.projector_type", string("idefics3")],
    ["clip.vision.embedding_length", uint32(8)],
    ["clip.vision.attention.head_count", uint32(1)],
    ["clip.vision.image_size", uint32(2)],
    ["clip.vision.patch_size", uint32(1)],
    ["clip.vision.projector.scale_factor", uint32(2)],
    ["clip.vision.block_count", uint32(1)],
    ["clip.vision.feed_forward_length", uint32(8)],
    ["clip.vision.projection_dim", uint32(8)],
    ["clip.vision.attention.layer_norm_epsilon", float(1e-6)],
    ["clip.vision.image_mean", floats([0.5, 0.5, 0.5])],
    ["clip.vision.image_std", floats([0.5, 0.5, 0.5])],
  ],
  tensors: [
    ones("v.patch_embd.weight", 24, { shape: [1, 1, 3, 8] }),
    matrix("v.position_embd.weight", 4),
    ...["v.patch_embd.bias", "v.post_ln.weight", "v.post_ln.bias"].map((name) => ones(name, 8)),
    ...["attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down"].flatMap((name) => [
      matrix(`v.blk.0.${name}.weight`, 8),
      ones(`v.blk.0.${name}.bias`, 8),
    ]),
    ...["ln1.weight", "ln1.bias", "ln2.weight", "ln2.bias"].map((name) => ones(`v.blk.0.${name}`, 8)),
    ones("mm.model.fc.weight", 8 * 32, { shape: [32, 8] }),
  ],
});

export const GGUF_SEEDS: readonly Uint8Array[] = [
  writeGguf({}),
  writeGguf({ version: 2, metadata: [["k", uint16(7)], ["n", nested(3)]], tensors: [ones("t", 8), ones("u", 4)] }),
  writeGguf({ metadata: [["general.alignment", uint32(64)]], tensors: [ones("t", 8)], alignment: 64 }),
  writeGguf({ tensors: [{ name: "q", type: 2, shape: [32, 2], data: new Uint8Array(36) }] }),
  ...writeSplit([[ones("a", 8)], [ones("b", 8)]]),
  decoder,
  encoder,
];
