import type { Backend } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import type { AttentionRows } from "../lazy/divergence.ts";
import { type RandomNumbers, selectTokens, type VisualSelection } from "../lazy/visual_tokens.ts";
import type { AttentionRecord } from "./attention.ts";
import { Chunk } from "./chunk.ts";
import type { Language } from "./language.ts";
import { Pacer } from "./pacer.ts";
import type { Vision } from "./vision.ts";

/** A stretch of a prompt: token ids, or one tile of a picture, as pixels or as image tokens. */
export type PromptPiece =
  | { readonly kind: "text"; readonly ids: ArrayLike<number> }
  | { readonly kind: "tile"; readonly rgb: () => Uint8Array | Promise<Uint8Array> }
  | ImageTokens;

/** Image tokens of a tile that are there already. */
export interface ImageTokens {
  readonly kind: "embeddings";
  /** f32 [tokens, width]. */
  readonly rows: Float32Array;
  /** Position of each, ascending, counted from the tile's first; 0, 1, 2 ... if left out. */
  readonly positions?: ArrayLike<number>;
  /** Positions that the tile takes in all; as many as it has tokens, if left out. */
  readonly span?: number;
}

/** What a network does only where someone asks for it. */
export interface VlmOptions {
  /** What `attentionOf` works in; it cannot be used if left out. */
  readonly record?: AttentionRecord | undefined;
  /** Which image tokens of a tile go on to the decoder; all, if left out. */
  readonly selection?: VisualSelection | undefined;
}

/** Time spent, in milliseconds. */
export interface PrefillTimes {
  readonly visionMs: number;
  readonly prefillMs: number;
}

/** The whole network: a mixed prompt into a cache, then one token after another. */
export class Vlm {
  readonly backend: Backend;
  readonly language: Language;
  readonly vision: Vision;
  readonly #chunk: Chunk;
  /** Image tokens of one tile: f32 [vision.config.tokens, width]. */
  readonly #tile: number;
  readonly #options: VlmOptions;

  /** @param buffers Address of {@link Vlm.bufferBytes} bytes, kept for the object's life. */
  constructor(backend: Backend, language: Language, vision: Vision, buffers: number, options: VlmOptions = {}) {
    this.backend = backend;
    this.language = language;
    this.vision = vision;
    const rowBytes = language.config.width * 4;
    this.#chunk = new Chunk(buffers, language.maxRows, rowBytes);
    this.#tile = buffers + language.maxRows * rowBytes;
    this.#options = options;
  }

  /** Image tokens of a tile that go on to the decoder. They stand at the places that they have among all of the tile's. */
  get tokensPerTile(): number {
    return this.#options.selection?.keep ?? this.vision.config.tokens;
  }

  /** Bytes of the rows in flight. */
  static bufferBytes(maxRows: number, imageTokens: number, width: number): number {
    return (maxRows + imageTokens) * width * 4;
  }

  /**
   * Fills the cache with a prompt.
   *
   * @returns Address of the logits of the prompt's last position (f32 [vocabulary]), valid until the next call.
   */
  async prefill(
    cache: KvCache,
    prompt: Iterable<PromptPiece>,
    signal?: AbortSignal,
  ): Promise<PrefillTimes & { logits: number }> {
    const pacer = new Pacer(signal);
    const { language, backend } = this;
    const { width } = language.config;
    const chunk = this.#chunk;
    /** `pictureMs`: waiting for pixels is no part of either time. */
    let [visionMs, pictureMs] = [0, 0];
    const started = performance.now();
    chunk.begin(cache.nextPosition);
    const random = this.#options.selection?.random();
    const flush = () => language.forward(chunk.address, [{ cache, ...chunk.waiting, wanted: "none" }], pacer);
    for (const piece of prompt) {
      if (piece.kind === "text") {
        const ids = Array.from(piece.ids);
        const put = (row: number, from: number, n: number) => language.embed(row, ids.slice(from, from + n));
        await chunk.add(ids.length, { visual: false }, put, flush);
      } else if (piece.kind === "tile") {
        const asked = performance.now();
        const rgb = await piece.rgb();
        const before = performance.now();
        pictureMs += before - asked;
        await this.vision.encode(this.#tile, rgb, pacer);
        const positions = this.#select(random);
        visionMs += performance.now() - before;
        const put = (row: number, from: number, n: number) =>
          backend.copy(row, this.#tile + from * width * 4, n * width * 4);
        await chunk.add(this.tokensPerTile, { visual: true, positions, span: this.vision.config.tokens }, put, flush);
      } else {
        const { rows, positions, span } = piece;
        const put = (row: number, from: number, n: number) =>
          backend.floats(row, n * width).set(rows.subarray(from * width, (from + n) * width));
        await chunk.add(rows.length / width, { visual: true, positions, span }, put, flush);
      }
    }
    await language.forward(chunk.address, [{ cache, ...chunk.waiting, wanted: "last" }], pacer);
    await pacer.pause();
    const logits = language.logits(chunk.lastRow);
    return { logits, visionMs, prefillMs: performance.now() - started - visionMs - pictureMs };
  }

  /** Brings the tokens that stay to the tile's front; returns the places that they had, if not all stay. */
  #select(random: RandomNumbers | undefined): readonly number[] | undefined {
    const { selection } = this.#options;
    if (!selection || !random) return undefined;
    const { width } = this.language.config;
    const rows = this.backend.floats(this.#tile, this.vision.config.tokens * width);
    return selectTokens(rows, width, selection, this.vision.importance, random);
  }

  /** A copy of one tile's image tokens: f32 [vision.config.tokens, width]. */
  async imageTokens(rgb: Uint8Array, signal?: AbortSignal): Promise<Float32Array> {
    await this.vision.encode(this.#tile, rgb, new Pacer(signal));
    return this.backend.floats(this.#tile, this.vision.config.tokens * this.language.config.width).slice();
  }

  /** Adds one token to the cache; returns the address of the logits that follow it. */
  async step(cache: KvCache, id: number, pacer: Pacer): Promise<number> {
    const { address } = this.#chunk;
    this.language.embed(address, [id]);
    await this.language.forward(address, [{ cache, rows: 1, wanted: "last" }], pacer);
    return this.language.logits(address);
  }

  /** Adds tokens whose ids are known to the cache; returns copies of the logits that follow each: f32 [vocabulary]. */
  async force(cache: KvCache, ids: readonly number[], pacer: Pacer): Promise<Float32Array[]> {
    const { language, backend } = this;
    const { width, vocabulary } = language.config;
    const { address } = this.#chunk;
    const logits: Float32Array[] = [];
    for (let from = 0; from < ids.length; from += language.maxRows) {
      const some = ids.slice(from, from + language.maxRows);
      language.embed(address, some);
      await language.forward(address, [{ cache, rows: some.length, wanted: "all" }], pacer);
      for (let row = 0; row < some.length; row++) {
        logits.push(backend.floats(language.logits(address + row * width * 4), vocabulary).slice());
      }
    }
    return logits;
  }

  /** Adds one token to the cache; returns how it attends in every layer to all slots, its own the last. */
  async attentionOf(cache: KvCache, id: number, pacer: Pacer): Promise<AttentionRows> {
    const { record } = this.#options;
    if (!record) throw new RangeError("the model was assembled without a place for a record of attention");
    const { language, backend } = this;
    const { layers, heads } = language.config;
    const { address } = this.#chunk;
    language.embed(address, [id]);
    await language.forward(address, [{ cache, rows: 1, wanted: "last" }], pacer, record);
    const positions = cache.length;
    const weights = backend.floats(record.weights, layers * heads * positions).slice();
    return { weights, layers, heads, positions };
  }
}
