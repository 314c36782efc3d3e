import { LorisError } from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";

/** Shape of the decoder (Llama architecture), from a text GGUF's metadata. Widths count f32 values. */
export interface LanguageConfig {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headWidth: number;
  /** Width of the feed-forward network's hidden layer. */
  readonly hidden: number;
  readonly vocabulary: number;
  readonly ropeBase: number;
  readonly eps: number;
  /** The longest context that the model was made for, in tokens. */
  readonly trainedContext: number;
}

/** Shape of the encoder (SigLIP's) and of the connector (Idefics3's), from a projector GGUF's metadata. */
export interface VisionConfig {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly headWidth: number;
  readonly hidden: number;
  /** Side of a tile in pixels. */
  readonly imageSize: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** Patches along a side. */
  readonly grid: number;
  /** Side of the neighbourhood of patches that becomes one token. */
  readonly shuffle: number;
  /** Image tokens of one tile. */
  readonly tokens: number;
  /** Width of the decoder that the connector writes for. */
  readonly projection: number;
  readonly eps: number;
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
  /** Longest edge in pixels to which a picture is brought before it is cut into tiles. */
  readonly longestEdge: number;
}

/** Bounds far above any model of this kind: they keep absurd hyper-parameters from reaching an allocation. */
const MAX = { layers: 512, width: 65536, heads: 1024, vocabulary: 1 << 22, context: 1 << 24, pixels: 8192 };

/** @throws {LorisError} `file_unsupported` for another architecture, `file_invalid` for impossible numbers. */
export function languageConfig(file: GgufFile): LanguageConfig {
  const m = file.metadata;
  const architecture = m.string("general.architecture");
  if (architecture !== "llama") {
    const hint = architecture === "clip" ? "; this is a vision file: give it as `vision`" : "";
    throw new LorisError(
      architecture === "clip" ? "pair_mismatch" : "file_unsupported",
      `${file.name}: general.architecture is "${architecture}", the text model must be "llama"${hint}`,
      { param: "text" },
    );
  }
  const width = m.uint("llama.embedding_length", { min: 1, max: MAX.width });
  const heads = m.uint("llama.attention.head_count", { min: 1, max: MAX.heads });
  const kvHeads = m.optionalUint("llama.attention.head_count_kv", { min: 1, max: MAX.heads }) ?? heads;
  const headWidth = m.optionalUint("llama.attention.key_length", { min: 1, max: MAX.width }) ?? width / heads;
  const turned = m.optionalUint("llama.rope.dimension_count", { min: 1, max: MAX.width }) ?? headWidth;
  checkHeadWidth(file, headWidth, heads);
  demand(file, heads % kvHeads === 0, `${heads} query heads cannot be shared by ${kvHeads} key heads`);
  support(
    file,
    turned === headWidth,
    `llama.rope.dimension_count ${turned} is not supported; it must be the head width, ${headWidth}`,
  );
  const scaling = m.optionalString("llama.rope.scaling.type") ?? "none";
  support(file, scaling === "none", `llama.rope.scaling.type "${scaling}" is not supported; only "none" is`);
  return {
    layers: m.uint("llama.block_count", { min: 1, max: MAX.layers }),
    width,
    heads,
    kvHeads,
    headWidth,
    hidden: m.uint("llama.feed_forward_length", { min: 1, max: MAX.width }),
    vocabulary: m.strings("tokenizer.ggml.tokens").length,
    ropeBase: positive(file, "llama.rope.freq_base", 10000),
    eps: positive(file, "llama.attention.layer_norm_rms_epsilon"),
    trainedContext: m.uint("llama.context_length", { min: 1, max: MAX.context }),
  };
}

/** @throws {LorisError} `file_unsupported` for another projector, `file_invalid` for impossible numbers. */
export function visionConfig(file: GgufFile): VisionConfig {
  const m = file.metadata;
  const architecture = m.string("general.architecture");
  if (architecture !== "clip") {
    const hint = architecture === "llama" ? "; this is a text file: give it as `text`" : "";
    throw new LorisError(
      architecture === "llama" ? "pair_mismatch" : "file_unsupported",
      `${file.name}: general.architecture is "${architecture}", the vision file must be "clip"${hint}`,
      { param: "vision" },
    );
  }
  const projector = m.optionalString("clip.projector_type") ?? "(none)";
  if (projector !== "idefics3") {
    throw new LorisError(
      "file_unsupported",
      `${file.name}: clip.projector_type is "${projector}", supported is "idefics3" (SmolVLM and Idefics3)`,
      { param: "vision" },
    );
  }
  const key = (name: string) => `clip.vision.${name}`;
  const width = m.uint(key("embedding_length"), { min: 1, max: MAX.width });
  const heads = m.uint(key("attention.head_count"), { min: 1, max: MAX.heads });
  const imageSize = m.uint(key("image_size"), { min: 1, max: MAX.pixels });
  const patch = m.uint(key("patch_size"), { min: 1, max: MAX.pixels });
  const shuffle = m.uint(key("projector.scale_factor"), { min: 1, max: 64 });
  const grid = imageSize / patch;
  demand(file, Number.isInteger(grid), `patches of ${patch} pixels do not fill a side of ${imageSize}`);
  demand(file, grid % shuffle === 0, `a pixel shuffle of ${shuffle} does not divide a grid of ${grid} patches`);
  checkHeadWidth(file, width / heads, heads);
  return {
    layers: m.uint(key("block_count"), { min: 1, max: MAX.layers }),
    width,
    heads,
    headWidth: width / heads,
    hidden: m.uint(key("feed_forward_length"), { min: 1, max: MAX.width }),
    imageSize,
    patch,
    grid,
    shuffle,
    tokens: (grid / shuffle) ** 2,
    projection: m.uint(key("projection_dim"), { min: 1, max: MAX.width }),
    eps: positive(file, key("attention.layer_norm_epsilon")),
    mean: channels(file, key("image_mean"), () => true),
    deviation: channels(file, key("image_std"), (x) => x > 0),
    longestEdge: m.optionalUint(key("preproc_image_size"), { min: 1, max: MAX.pixels }) ?? imageSize,
  };
}

function demand(file: GgufFile, condition: boolean, message: string): asserts condition {
  if (!condition) throw new LorisError("file_invalid", `${file.name}: ${message}`);
}

/** As {@link demand}, for what a file may well say and this SDK does not do. */
function support(file: GgufFile, condition: boolean, message: string): asserts condition {
  if (!condition) throw new LorisError("file_unsupported", `${file.name}: ${message}`);
}

function checkHeadWidth(file: GgufFile, headWidth: number, heads: number): void {
  demand(file, Number.isInteger(headWidth), `the width is not a multiple of the ${heads} heads`);
  support(file, headWidth % 8 === 0, `a head width of ${headWidth} is not supported; it must be a multiple of 8`);
}

function positive(file: GgufFile, key: string, otherwise?: number): number {
  const x = otherwise === undefined ? file.metadata.float(key) : file.metadata.optionalFloat(key) ?? otherwise;
  demand(file, x > 0 && Number.isFinite(x), `${key} is ${x}, it must be a positive number`);
  return x;
}

function channels(file: GgufFile, key: string, valid: (x: number) => boolean): [number, number, number] {
  const numbers = Array.from(file.metadata.numbers(key));
  const [r, g, b] = numbers;
  demand(
    file,
    numbers.length === 3 && numbers.every((x) => Number.isFinite(x) && valid(x)),
    `${key} is [${numbers.slice(0, 8)}], it must be three numbers, one a channel`,
  );
  return [r!, g!, b!];
}
