/**
 * Seeded pairs of GGUF files in the shapes of real models, for measurements and for other engines to read: their speed is that of the
 * real files, their words are noise. The tokenizer is the embedded model's, filled up to the wanted vocabulary.
 *
 * Usage: deno run --allow-read --allow-write test/bench/generate_model.ts SHAPE TYPE FOLDER
 */
import { type GgufFile, openGguf } from "../../sdk/gguf/gguf.ts";
import type { GgufMetadata } from "../../sdk/gguf/metadata.ts";
import { checkRange } from "../../sdk/sources/check.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import type { Source } from "../../sdk/sources/source.ts";
import { TOKEN_TYPES } from "../../sdk/text/vocabulary.ts";
import type { Value } from "../gguf/write.ts";
import { array, bool, float32, ggufHeader, string, type TensorToWrite, uint32, writeGgufFile } from "./gguf_file.ts";
import { constant, matrix, type SeededType, vector } from "./seeded_weights.ts";

/** Shape of a pair: widths count values, sides count pixels. */
export interface ModelShape {
  readonly text: { layers: number; width: number; heads: number; kvHeads: number; hidden: number; vocabulary: number };
  readonly vision: {
    layers: number;
    width: number;
    heads: number;
    hidden: number;
    side: number;
    patch: number;
    shuffle: number;
  };
}

const SMOLLM2_135M = { layers: 30, width: 576, heads: 9, kvHeads: 3, hidden: 1536, vocabulary: 49280 };
const VIT_B = { layers: 12, width: 768, heads: 12, hidden: 3072, patch: 16 };

export const SHAPES = {
  // small, with the embedded model's vocabulary: an answer takes milliseconds
  small: {
    text: { layers: 2, width: 64, heads: 2, kvHeads: 1, hidden: 96, vocabulary: 8300 },
    vision: { layers: 2, width: 64, heads: 2, hidden: 96, side: 64, patch: 16, shuffle: 2 },
  },
  nano: {
    text: { ...SMOLLM2_135M, layers: 12, vocabulary: 8196 },
    vision: { layers: 12, width: 384, heads: 6, hidden: 1536, side: 224, patch: 14, shuffle: 2 },
  },
  vit_b: { text: SMOLLM2_135M, vision: { ...VIT_B, side: 224, shuffle: 2 } },
  smolvlm_256m: { text: SMOLLM2_135M, vision: { ...VIT_B, side: 512, shuffle: 4 } },
  smolvlm_500m: {
    text: { layers: 32, width: 960, heads: 15, kvHeads: 5, hidden: 2560, vocabulary: 49280 },
    vision: { ...VIT_B, side: 512, shuffle: 4 },
  },
} as const satisfies Record<string, ModelShape>;

export interface GeneratedPair {
  readonly text: string;
  readonly vision: string;
}

/** Writes `text.gguf` and `vision.gguf` into a folder; the same shape, type and seed give the same bytes. */
export async function generateModel(
  folder: string,
  shape: ModelShape,
  type: SeededType,
  seed = 1,
): Promise<GeneratedPair> {
  await Deno.mkdir(folder, { recursive: true });
  const pair = { text: `${folder}/text.gguf`, vision: `${folder}/vision.gguf` };
  await writeGgufFile(pair.text, await textMetadata(shape), textTensors(shape, type, seed));
  await writeGgufFile(pair.vision, visionMetadata(shape), visionTensors(shape, type, seed));
  return pair;
}

/** The tensors of both files, for graphs of other formats that are to hold the same numbers. */
export function modelTensors(shape: ModelShape, type: SeededType, seed = 1): TensorToWrite[] {
  return [...textTensors(shape, type, seed), ...visionTensors(shape, type, seed)];
}

/** The headers of a pair, without files: for plans, which read nothing else. */
export async function modelHeaders(shape: ModelShape, type: SeededType): Promise<{ text: GgufFile; vision: GgufFile }> {
  const text = ggufHeader(await textMetadata(shape), textTensors(shape, type, 1));
  const vision = ggufHeader(visionMetadata(shape), visionTensors(shape, type, 1));
  return {
    text: await openGguf(beginning("text.gguf", text)),
    vision: await openGguf(beginning("vision.gguf", vision)),
  };
}

/** A file of which only the beginning is there. */
function beginning(name: string, { header, fileBytes }: ReturnType<typeof ggufHeader>): Source {
  return {
    name,
    size: () => Promise.resolve(fileBytes),
    // deno-lint-ignore require-await -- what is thrown must reject
    async read(offset, length) {
      checkRange(name, offset, length, fileBytes);
      const bytes = new Uint8Array(length);
      bytes.set(header.subarray(offset, offset + length));
      return bytes;
    },
  };
}

type Metadata = (readonly [key: string, value: Value])[];

async function textMetadata(shape: ModelShape): Promise<Metadata> {
  const source = fileSource(new URL("../../models/nano/nano-text-q4_0.gguf", import.meta.url).pathname);
  const { metadata } = await openGguf(source);
  await source.close();
  return [...textParameters(shape), ...tokenizerMetadata(metadata, shape.text.vocabulary)];
}

/** What a text file says of its network, without the tokenizer. */
export function textParameters({ text: t }: ModelShape): Metadata {
  return [
    ["general.architecture", string("llama")],
    ["general.name", string("seeded")],
    ["llama.block_count", uint32(t.layers)],
    ["llama.context_length", uint32(8192)],
    ["llama.embedding_length", uint32(t.width)],
    ["llama.feed_forward_length", uint32(t.hidden)],
    ["llama.attention.head_count", uint32(t.heads)],
    ["llama.attention.head_count_kv", uint32(t.kvHeads)],
    ["llama.rope.dimension_count", uint32(t.width / t.heads)],
    ["llama.rope.freq_base", float32(100000)],
    ["llama.attention.layer_norm_rms_epsilon", float32(1e-5)],
    ["llama.vocab_size", uint32(t.vocabulary)],
  ];
}

function tokenizerMetadata(nano: GgufMetadata, vocabulary: number): Metadata {
  const tokens = nano.strings("tokenizer.ggml.tokens");
  if (vocabulary < tokens.length) throw new RangeError(`the vocabulary must have ${tokens.length} tokens or more`);
  const unused = Array.from({ length: vocabulary - tokens.length }, (_, i) => `<unused_${i}>`);
  const types = [...nano.numbers("tokenizer.ggml.token_type"), ...unused.map(() => TOKEN_TYPES.unused)];
  const ids = ["bos", "eos", "unknown", "padding"].map((name) => `tokenizer.ggml.${name}_token_id`);
  return [
    ["tokenizer.ggml.model", string(nano.string("tokenizer.ggml.model"))],
    ["tokenizer.ggml.pre", string(nano.string("tokenizer.ggml.pre"))],
    ["tokenizer.ggml.tokens", array("string", [...tokens, ...unused])],
    ["tokenizer.ggml.token_type", array("i32", types)],
    ["tokenizer.ggml.merges", array("string", nano.strings("tokenizer.ggml.merges"))],
    ...ids.map((key) => [key, uint32(nano.uint(key))] as const),
    ["tokenizer.ggml.add_bos_token", bool(false)],
    ["tokenizer.ggml.add_space_prefix", bool(false)],
    ["tokenizer.chat_template", string(nano.string("tokenizer.chat_template"))],
  ];
}

export function textTensors({ text: t }: ModelShape, type: SeededType, seed: number): TensorToWrite[] {
  const keys = t.kvHeads * t.width / t.heads;
  const weight = (name: string, inputs: number, results: number) =>
    matrix(seed, `${name}.weight`, type, [inputs, results]);
  // embeddings in 8 bits at least, as converters leave them
  const wide = type === "Q4_0" ? "Q8_0" : type;
  return [
    matrix(seed, "token_embd.weight", wide, [t.width, t.vocabulary]),
    constant("output_norm.weight", [t.width], 1),
    ...Array.from({ length: t.layers }, (_, l) => [
      constant(`blk.${l}.attn_norm.weight`, [t.width], 1),
      weight(`blk.${l}.attn_q`, t.width, t.width),
      weight(`blk.${l}.attn_k`, t.width, keys),
      weight(`blk.${l}.attn_v`, t.width, keys),
      weight(`blk.${l}.attn_output`, t.width, t.width),
      constant(`blk.${l}.ffn_norm.weight`, [t.width], 1),
      weight(`blk.${l}.ffn_gate`, t.width, t.hidden),
      weight(`blk.${l}.ffn_up`, t.width, t.hidden),
      weight(`blk.${l}.ffn_down`, t.hidden, t.width),
    ]).flat(),
  ];
}

export function visionMetadata({ text, vision: v }: ModelShape): Metadata {
  const key = (name: string) => `clip.vision.${name}`;
  return [
    ["general.architecture", string("clip")],
    ["general.name", string("seeded")],
    ["clip.has_vision_encoder", bool(true)],
    ["clip.projector_type", string("idefics3")],
    // without it llama.cpp takes the quick form of GELU; true is the one with tanh
    ["clip.use_gelu", bool(true)],
    [key("projection_dim"), uint32(text.width)],
    [key("image_size"), uint32(v.side)],
    [key("preproc_image_size"), uint32(v.side)],
    [key("patch_size"), uint32(v.patch)],
    [key("embedding_length"), uint32(v.width)],
    [key("feed_forward_length"), uint32(v.hidden)],
    [key("block_count"), uint32(v.layers)],
    [key("attention.head_count"), uint32(v.heads)],
    [key("attention.layer_norm_epsilon"), float32(1e-6)],
    [key("projector.scale_factor"), uint32(v.shuffle)],
    [key("image_mean"), array("f32", [0.5, 0.5, 0.5])],
    [key("image_std"), array("f32", [0.5, 0.5, 0.5])],
  ];
}

export function visionTensors({ text, vision: v }: ModelShape, type: SeededType, seed: number): TensorToWrite[] {
  const layer = (l: number): TensorToWrite[] => {
    const linear = (name: string, inputs: number, results: number) => [
      matrix(seed, `v.blk.${l}.${name}.weight`, type, [inputs, results]),
      vector(seed, `v.blk.${l}.${name}.bias`, [results], 0.02),
    ];
    const norm = (name: string) => [
      constant(`v.blk.${l}.${name}.weight`, [v.width], 1),
      constant(`v.blk.${l}.${name}.bias`, [v.width], 0),
    ];
    return [
      ...norm("ln1"),
      ...["attn_q", "attn_k", "attn_v", "attn_out"].flatMap((name) => linear(name, v.width, v.width)),
      ...norm("ln2"),
      ...linear("ffn_up", v.width, v.hidden),
      ...linear("ffn_down", v.hidden, v.width),
    ];
  };
  return [
    matrix(seed, "v.patch_embd.weight", "F16", [v.patch, v.patch, 3, v.width]),
    vector(seed, "v.patch_embd.bias", [v.width], 0.02),
    vector(seed, "v.position_embd.weight", [v.width, (v.side / v.patch) ** 2], 0.1),
    ...Array.from({ length: v.layers }, (_, l) => layer(l)).flat(),
    constant("v.post_ln.weight", [v.width], 1),
    constant("v.post_ln.bias", [v.width], 0),
    matrix(seed, "mm.model.fc.weight", type, [v.width * v.shuffle ** 2, text.width]),
  ];
}

if (import.meta.main) {
  const [shape, type, folder] = Deno.args;
  const types: readonly string[] = ["F16", "Q8_0", "Q4_0"];
  if (!folder || !(shape! in SHAPES) || !types.includes(type!)) {
    await Deno.stderr.write(new TextEncoder().encode(
      `usage: generate_model.ts SHAPE TYPE FOLDER; SHAPE: ${Object.keys(SHAPES).join(", ")}; TYPE: ${
        types.join(", ")
      }\n`,
    ));
    Deno.exit(2);
  }
  await generateModel(folder, SHAPES[shape as keyof typeof SHAPES], type as SeededType);
}
