import {
  type Backend,
  Epilogue,
  type Input,
  KvFormat,
  type KvLayer,
  kvLayerBytes,
  type Matrix,
  readsQuantized,
} from "../backend/backend.ts";
import { MemoryPlan } from "../memory/plan.ts";
import type { VisionConfig } from "./config.ts";
import { Importance, type ImportancePlaces, importancePlaces } from "./importance.ts";
import { layerNormFor, linear } from "./linear.ts";
import { Pacer } from "./pacer.ts";
import type { LayerRing } from "./layer_ring.ts";
import type { VisionLayer, VisionTensors } from "./tensors.ts";

/** Weights in place: matrices packed, vectors as addresses of f32. */
export type VisionWeights = VisionTensors<Matrix, number>;

/** Layers, counted from the end, in which it is measured how important image tokens are. */
const MEASURED_LAYERS = 2;
/** Rows that `warmUp` computes: enough for engines to notice, a few milliseconds of work. */
const WARM_UP_ROWS = 64;

/** What an encoder does besides encoding. */
export interface VisionOptions {
  /** True: it tells how important each image token is. */
  readonly measuresImportance?: boolean | undefined;
  /** Tiles that can go through the layers together; 1 if left out, and 1 where importance is measured. */
  readonly maxTiles?: number | undefined;
  /** Patches that go through a layer together. */
  readonly rows: number;
}

/**
 * The encoder (SigLIP's ViT: pre-norm blocks, biases everywhere, no class token) and the connector (Idefics3's pixel
 * shuffle and one linear layer): a picture in, image tokens out.
 */
export class Vision {
  readonly config: VisionConfig;
  /** Tiles that can go through the layers together. */
  readonly maxTiles: number;
  readonly #backend: Backend;
  readonly #weights: VisionWeights;
  readonly #at: Buffers;
  readonly #importance: Importance | undefined;
  readonly #ring: LayerRing | undefined;
  readonly #rowsTogether: number;

  /**
   * @param scratch Address of {@link Vision.scratchBytes} bytes of the same options, used only from `put` to the end of
   * `encodeAll`.
   * @param ring What brings the layers' matrices to their places in turn; they are there for good if left out.
   */
  constructor(
    backend: Backend,
    config: VisionConfig,
    weights: VisionWeights,
    scratch: number,
    options: VisionOptions,
    ring?: LayerRing,
  ) {
    this.#backend = backend;
    this.config = config;
    this.#weights = weights;
    this.#at = layout(backend, config, scratch, options);
    this.#importance = this.#at.importance && new Importance(backend, config, this.#at.importance);
    this.#ring = ring;
    this.maxTiles = options.maxTiles ?? 1;
    this.#rowsTogether = options.rows;
  }

  /** Bytes that one `encode` works in. */
  static scratchBytes(backend: Backend, config: VisionConfig, options: VisionOptions): number {
    return layout(backend, config, 0, options).bytes;
  }

  /**
   * How important each image token of the tile encoded last, alone, is: f32 [tokens], the attention that its patches receive in
   * the encoder's last layers; undefined if it is not measured.
   */
  get importance(): Float32Array | undefined {
    return this.#importance?.tokens;
  }

  /**
   * One tile into image tokens.
   *
   * @param dst Address of f32 [tokens, projection].
   * @param rgb u8 [imageSize, imageSize, 3].
   * @throws {LorisError} as {@link Vision.encodeAll}.
   */
  async encode(dst: number, rgb: Uint8Array, pacer: Pacer): Promise<void> {
    this.put(0, rgb);
    await this.encodeAll(dst, 1, pacer);
  }

  /**
   * Puts a tile's pixels in, to be encoded.
   *
   * @param tile Its number, from 0, below `maxTiles`.
   * @param rgb u8 [imageSize, imageSize, 3].
   */
  put(tile: number, rgb: Uint8Array): void {
    const c = this.config;
    const b = this.#backend;
    const w = this.#weights;
    const at = this.#at;
    const patches = c.grid * c.grid;
    const x = this.#rows(tile);
    b.write(at.mean, Float32Array.from(c.mean));
    b.write(at.deviation, Float32Array.from(c.deviation));
    b.write(at.rgb, rgb);
    b.patches(at.pixels, at.rgb, c.imageSize, c.patch, at.mean, at.deviation);
    linear(b, x, at.pixels, at.input.quantized, w.patchEmbd, w.patchEmbdBias, patches, Epilogue.store);
    b.add(x, w.positionEmbd, patches * c.width);
  }

  /**
   * The first `tiles` tiles that were put in, layer by layer: weights that are read for each pass are read once for all.
   *
   * @param dst Address of f32 [tiles, tokens, projection].
   * @throws {LorisError} `source_failed` or `file_invalid` where layers are read from a source; the pacer's signal's reason.
   */
  async encodeAll(dst: number, tiles: number, pacer: Pacer): Promise<void> {
    const c = this.config;
    const w = this.#weights;
    const patches = c.grid * c.grid;
    const step = async (index: number) => {
      if (index === c.layers) return this.#connect(dst, tiles);
      const measured = index >= c.layers - MEASURED_LAYERS;
      for (let tile = 0; tile < tiles; tile++) {
        await this.#layer(this.#rows(tile), w.layers[index]!, patches, pacer, measured ? this.#importance : undefined);
      }
    };
    this.#importance?.begin();
    if (this.#ring) await this.#ring.run(pacer.signal, step);
    else for (let index = 0; index <= c.layers; index++) await step(index);
    await this.#importance?.finish();
    await pacer.pause();
  }

  /** What follows the layers: hidden states into image tokens. */
  #connect(dst: number, tiles: number): void {
    const c = this.config;
    const b = this.#backend;
    const w = this.#weights;
    const { shuffled, input } = this.#at;
    const patches = c.grid * c.grid;
    for (let tile = 0; tile < tiles; tile++) {
      const x = this.#rows(tile);
      b.layerNorm(x, x, w.postLnWeight, w.postLnBias, patches, c.width, c.eps);
      b.pixelShuffle(shuffled, x, c.grid, c.width, c.shuffle);
      const tokens = dst + tile * c.tokens * c.projection * 4;
      linear(b, tokens, shuffled, input.quantized, w.fc, 0, c.tokens, Epilogue.store);
    }
  }

  /** Address of a tile's hidden states. */
  #rows(tile: number): number {
    return this.#at.x + tile * this.config.grid ** 2 * this.config.width * 4;
  }

  /** Runs one layer over some rows of whatever the memory holds: engines then compile its kernels well before they are needed. */
  async warmUp(): Promise<void> {
    const { grid } = this.config;
    await this.#layer(this.#rows(0), this.#weights.layers[0]!, Math.min(WARM_UP_ROWS, grid * grid), new Pacer());
  }

  /** @param first Address of a tile's hidden states: f32 [patches, width]. */
  async #layer(
    first: number,
    w: VisionLayer<Matrix, number>,
    patches: number,
    pacer: Pacer,
    importance?: Importance,
  ): Promise<void> {
    const b = this.#backend;
    const c = this.config;
    const at = this.#at;
    const rowBytes = c.width * 4;
    const together = this.#rowsTogether;
    const { input } = at;
    // every patch attends to every other, so all keys and values come before the first query
    for (let row = 0; row < patches; row += together) {
      const rows = Math.min(together, patches - row);
      layerNormFor(b, input, first + row * rowBytes, w.ln1Weight, w.ln1Bias, rows, c.eps, w.attnK, w.attnV);
      b.linear(at.chunk, input.floats, input.quantized, w.attnK, w.attnKBias, rows, Epilogue.store);
      b.storeKeys(at.kv, at.chunk, row, rows);
      b.linear(at.chunk, input.floats, input.quantized, w.attnV, w.attnVBias, rows, Epilogue.store);
      b.storeValues(at.kv, at.chunk, row, rows);
    }
    for (let row = 0; row < patches; row += together) {
      const rows = Math.min(together, patches - row);
      const x = first + row * rowBytes;
      layerNormFor(b, input, x, w.ln1Weight, w.ln1Bias, rows, c.eps, w.attnQ);
      b.linear(at.chunk, input.floats, input.quantized, w.attnQ, w.attnQBias, rows, Epilogue.store);
      if (importance) importance.attend(at.attended, at.chunk, at.kv, at.attention, rows);
      else b.attention(at.attended, at.chunk, at.kv, at.attention, rows, c.heads, patches, false);
      linear(b, x, at.attended, input.quantized, w.attnOut, w.attnOutBias, rows, Epilogue.add);
      layerNormFor(b, input, x, w.ln2Weight, w.ln2Bias, rows, c.eps, w.ffnUp);
      this.#gelu(w, rows);
      b.linear(x, at.hidden, input.quantized, w.ffnDown, w.ffnDownBias, rows, Epilogue.add);
      if (pacer.due()) await pacer.pause();
    }
  }

  /** What `ffnDown` reads, of normalized rows. */
  #gelu(w: VisionLayer<Matrix, number>, rows: number): void {
    const b = this.#backend;
    const { input, hidden } = this.#at;
    const records = readsQuantized(w.ffnDown.format);
    const epilogue = records ? Epilogue.store : Epilogue.gelu;
    b.linear(hidden, input.floats, input.quantized, w.ffnUp, w.ffnUpBias, rows, epilogue);
    if (records) b.geluQuantize(input.quantized, hidden, rows, w.ffnDown.width);
  }
}

interface Buffers {
  readonly x: number;
  readonly kv: KvLayer;
  /** Normalized rows, as the matrices read them. */
  readonly input: Input;
  readonly attended: number;
  readonly chunk: number;
  readonly hidden: number;
  readonly attention: number;
  readonly importance: ImportancePlaces | undefined;
  readonly rgb: number;
  readonly pixels: number;
  readonly shuffled: number;
  readonly mean: number;
  readonly deviation: number;
  readonly bytes: number;
}

/** Where everything lies in the scratch. What is live only before, in, or after the layers shares one region. */
function layout(b: Backend, c: VisionConfig, base: number, options: VisionOptions): Buffers {
  const patches = c.grid * c.grid;
  const rows = Math.min(options.rows, patches);
  const pixelWidth = 3 * c.patch * c.patch;
  const shuffledWidth = c.width * c.shuffle * c.shuffle;
  const always = new MemoryPlan(base);
  const x = always.reserve("x", (options.maxTiles ?? 1) * patches * c.width * 4);
  const mean = always.reserve("mean", 3 * 4);
  const deviation = always.reserve("deviation", 3 * 4);
  const quantized = always.reserve(
    "quantized",
    Math.max(
      b.activationRowBytes(Math.max(c.width, c.hidden)) * rows,
      b.activationRowBytes(pixelWidth) * patches,
      b.activationRowBytes(shuffledWidth) * c.tokens,
    ),
  );

  const before = new MemoryPlan(always.end);
  const rgb = before.reserve("rgb", c.imageSize * c.imageSize * 3);
  const pixels = before.reserve("pixels", patches * pixelWidth * 4);

  const layers = new MemoryPlan(always.end);
  const capacity = Math.ceil(patches / 8) * 8;
  const kvBytes = kvLayerBytes(c.heads, c.headWidth, capacity, KvFormat.f32);
  const keys = layers.reserve("keys", kvBytes);
  const values = layers.reserve("values", kvBytes);
  // what was normalized has been read when the attention writes
  const attended = layers.reserve("norm, attended", rows * c.width * 4);
  const chunk = layers.reserve("chunk", rows * c.width * 4);
  const hidden = layers.reserve("hidden", rows * c.hidden * 4);
  const attention = layers.reserve("attention", b.attentionScratch(patches, c.headWidth) * 4);

  const importance = options.measuresImportance ? importancePlaces(layers, b, c, rows) : undefined;

  const after = new MemoryPlan(always.end);
  const shuffled = after.reserve("shuffled", c.tokens * shuffledWidth * 4);

  const kv = { keys, values, heads: c.heads, headWidth: c.headWidth, capacity, format: KvFormat.f32 };
  const end = Math.max(before.end, layers.end, after.end);
  return {
    ...{ x, mean, deviation, rgb, pixels, kv, attended, chunk, hidden, attention, importance, shuffled },
    input: { floats: attended, quantized },
    bytes: end - base,
  };
}
