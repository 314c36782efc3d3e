import type { Backend } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import type { AttentionRows } from "../lazy/divergence.ts";
import type { RandomNumbers } from "../lazy/random_subset.ts";
import { randomTokens, selectTokens, type VisualSelection } from "../lazy/visual_tokens.ts";
import type { AttentionRecord } from "./attention.ts";
import { Chunk } from "./chunk.ts";
import type { ImageTokenCache } from "./image_token_cache.ts";
import type { Language } from "./language.ts";
import { type AbortState, Pacer } from "./pacer.ts";
import type { Vision } from "./vision.ts";

/** A stretch of a prompt: token ids, or one tile of a picture, as pixels or as image tokens. */
export type PromptPiece =
  | { readonly kind: "text"; readonly ids: ArrayLike<number> }
  | Tile
  | ImageTokens;

/** A tile as pixels. */
export interface Tile {
  readonly kind: "tile";
  /** u8 [side, side, 3]; asked for when it is looked at. */
  readonly rgb: () => Uint8Array | Promise<Uint8Array>;
  /** Equal keys mean equal pixels, so that what is known of a tile need not be computed again. */
  readonly key?: string;
}

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

/** A conversation that goes on by a token, or by more text. */
export interface Conversation {
  readonly cache: KvCache;
  /** One or more. */
  readonly ids: readonly number[];
  /** Of the first id; the one after the cache's last, if left out. */
  readonly position?: number;
}

/** What a network does only where someone asks for it. */
export interface VlmOptions {
  /** What `attentionOf` works in; it cannot be used if left out. */
  readonly record?: AttentionRecord | undefined;
  /** Which image tokens of a tile go on to the decoder; all, if left out. */
  readonly selection?: VisualSelection | undefined;
  /** Where image tokens of tiles with a key are kept for later. */
  readonly imageTokens?: ImageTokenCache | undefined;
}

/** How a prompt is filled in. */
export interface PrefillOptions {
  readonly signal?: AbortState | undefined;
  /** Slots of the prompt, from its first on, that the cache holds already: all that it holds. */
  readonly skip?: number;
  /** Called after each tile and each pass, when others may compute. */
  readonly between?: () => Promise<void>;
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
  /** Image tokens of the tiles looked at last: f32 [vision.maxTiles, vision.config.tokens, width]. */
  readonly #tiles: number;
  /** Last rows of steps: f32 [conversations, width], apart from a prompt's, which may be waiting meanwhile. */
  readonly #steps: number;
  readonly #options: VlmOptions;

  /** @param buffers Address of {@link Vlm.bufferBytes} bytes, kept for the object's life. */
  constructor(backend: Backend, language: Language, vision: Vision, buffers: number, options: VlmOptions = {}) {
    this.backend = backend;
    this.language = language;
    this.vision = vision;
    const rowBytes = language.config.width * 4;
    this.#chunk = new Chunk(buffers, language.maxRows, rowBytes);
    this.#tiles = buffers + language.maxRows * rowBytes;
    this.#steps = this.#tiles + vision.maxTiles * vision.config.tokens * rowBytes;
    this.#options = options;
  }

  /** Image tokens of a tile that go on to the decoder. They stand at the places that they have among all of the tile's. */
  get tokensPerTile(): number {
    return this.#options.selection?.keep ?? this.vision.config.tokens;
  }

  /** Bytes of the rows in flight. @param imageTokens Of all tiles that are looked at together. @param conversations As many as `steps` takes at most. */
  static bufferBytes(maxRows: number, imageTokens: number, conversations: number, width: number): number {
    return (maxRows + imageTokens + conversations) * width * 4;
  }

  /**
   * Fills the cache with a prompt.
   *
   * @returns Address of the logits of the prompt's last position (f32 [vocabulary]), valid until the next call.
   */
  async prefill(
    cache: KvCache,
    prompt: Iterable<PromptPiece>,
    { signal, skip = 0, between = () => Promise.resolve() }: PrefillOptions = {},
  ): Promise<PrefillTimes & { logits: number }> {
    const pacer = new Pacer(signal);
    const { language, backend } = this;
    const { width } = language.config;
    const chunk = this.#chunk;
    const times = { visionMs: 0, prefillMs: 0 };
    chunk.begin(skip > 0 ? 0 : cache.nextPosition);
    const random = this.#options.selection?.random();
    const forward = async (wanted: "none" | "last") => {
      const started = performance.now();
      await language.forward(chunk.address, [{ cache, ...chunk.waiting, wanted }], pacer);
      times.prefillMs += performance.now() - started;
    };
    const flush = async () => {
      await forward("none");
      await between();
    };
    /** Slots that are still to be skipped. */
    let left = skip;
    const pieces = Array.from(prompt);
    const looked = new Map<number, number>();
    for (const [index, piece] of pieces.entries()) {
      const slots = this.#slots(piece);
      const skipped = Math.min(left, slots);
      left -= skipped;
      const kind = { visual: piece.kind !== "text", skipped };
      if (piece.kind === "text") {
        const ids = Array.from(piece.ids);
        const put = (row: number, from: number, n: number) => language.embed(row, ids.slice(from, from + n));
        await chunk.add(slots, kind, put, flush);
      } else if (piece.kind === "tile") {
        const known = skipped === slots;
        // a random choice that is not made any more still takes its numbers
        if (known && this.#options.selection?.by === "random") randomTokens(this.vision.config.tokens, slots, random!);
        const { address, positions } = known
          ? { address: this.#tiles, positions: undefined }
          : await this.#look(pieces, index, looked, random, pacer, times);
        const put = (row: number, from: number, n: number) =>
          backend.copy(row, address + from * width * 4, n * width * 4);
        await chunk.add(slots, { ...kind, positions, span: this.vision.config.tokens }, put, flush);
        if (!known) await between();
      } else {
        const { rows, positions, span } = piece;
        const put = (row: number, from: number, n: number) =>
          backend.write(row, rows.subarray(from * width, (from + n) * width));
        await chunk.add(slots, { ...kind, positions, span }, put, flush);
      }
    }
    await forward("last");
    await pacer.pause();
    const started = performance.now();
    const logits = language.logits(chunk.lastRow);
    times.prefillMs += performance.now() - started;
    return { logits, ...times };
  }

  #slots(piece: PromptPiece): number {
    if (piece.kind === "text") return piece.ids.length;
    return piece.kind === "tile" ? this.tokensPerTile : piece.rows.length / this.language.config.width;
  }

  /**
   * Makes the image tokens of a tile that go on to the decoder. Of the tiles after it, as many as the encoder takes together
   * are looked at with it.
   *
   * @param looked Tiles that were looked at with an earlier one, by their index: where their image tokens are.
   * @returns Where they are, valid until the next tile's, and the positions that they had.
   */
  async #look(
    pieces: readonly PromptPiece[],
    index: number,
    looked: Map<number, number>,
    random: RandomNumbers | undefined,
    pacer: Pacer,
    times: { visionMs: number },
  ): Promise<{ readonly address: number; readonly positions: readonly number[] | undefined }> {
    const { key } = pieces[index] as Tile;
    const floats = this.tokensPerTile * this.language.config.width;
    const store = this.#store;
    if (!looked.has(index)) {
      const known = key === undefined ? undefined : store?.get(key);
      if (known) {
        // the first place is free: its tile is the one whose turn came at once
        this.backend.write(this.#tiles, known.rows);
        return { address: this.#tiles, positions: known.positions };
      }
      await this.#encode(pieces, index, looked, pacer, times);
    }
    const address = looked.get(index)!;
    const positions = await this.#select(address, random);
    if (key !== undefined) store?.set(key, { rows: await this.backend.read(address, floats), positions });
    return { address, positions };
  }

  /** Encodes a tile and those after it that have to be, as many as go together. */
  async #encode(
    pieces: readonly PromptPiece[],
    first: number,
    looked: Map<number, number>,
    pacer: Pacer,
    times: { visionMs: number },
  ): Promise<void> {
    const { vision } = this;
    const tileBytes = vision.config.tokens * this.language.config.width * 4;
    let tiles = 0;
    for (let index = first; index < pieces.length && tiles < vision.maxTiles; index++) {
      const piece = pieces[index]!;
      if (piece.kind !== "tile") continue;
      if (index > first && piece.key !== undefined && this.#store?.has(piece.key)) continue;
      // waiting for pixels is no part of the times
      const pixels = await piece.rgb();
      const started = performance.now();
      vision.put(tiles, pixels);
      times.visionMs += performance.now() - started;
      looked.set(index, this.#tiles + tiles * tileBytes);
      tiles++;
    }
    const started = performance.now();
    await vision.encodeAll(this.#tiles, tiles, pacer);
    times.visionMs += performance.now() - started;
  }

  /** Where image tokens are kept, if they are. What a random choice keeps is told by its place in the prompt, not by the tile. */
  get #store(): ImageTokenCache | undefined {
    return this.#options.selection?.by === "random" ? undefined : this.#options.imageTokens;
  }

  /** Brings the tokens that stay to the tile's front; returns the places that they had, if not all stay. */
  async #select(tile: number, random: RandomNumbers | undefined): Promise<readonly number[] | undefined> {
    const { selection } = this.#options;
    if (!selection || !random) return undefined;
    const { width } = this.language.config;
    let places: readonly number[] = [];
    await this.backend.edit(tile, this.vision.config.tokens * width, (rows) => {
      places = selectTokens(rows, width, selection, this.vision.importance, random);
    });
    return places;
  }

  /** A copy of one tile's image tokens: f32 [vision.config.tokens, width]. */
  async imageTokens(rgb: Uint8Array, signal?: AbortSignal): Promise<Float32Array> {
    await this.vision.encode(this.#tiles, rgb, new Pacer(signal));
    return await this.backend.read(this.#tiles, this.vision.config.tokens * this.language.config.width);
  }

  /** One step of the decoder, whose result is left aside: what cannot be computed on this machine fails here. */
  async prove(cache: KvCache): Promise<void> {
    const logits = await this.step(cache, 0, new Pacer());
    await this.backend.argmax(logits, this.language.config.vocabulary);
    cache.truncate(0);
  }

  /** Adds one token to the cache; returns the address of the logits that follow it. */
  async step(cache: KvCache, id: number, pacer: Pacer): Promise<number> {
    return await this.steps([{ cache, ids: [id] }], pacer);
  }

  /**
   * Adds a token to each of several caches, to some of them more text, in one pass. Where it is more, no prompt may be on its
   * way in.
   *
   * @param conversations At most `maxConversations`, with `language.maxRows` ids in all at most.
   * @returns Address of the logits that follow each: f32 [conversations, vocabulary], valid until the next call.
   */
  async steps(conversations: readonly Conversation[], pacer: Pacer): Promise<number> {
    const { language, backend } = this;
    const rowBytes = language.config.width * 4;
    const ids = conversations.flatMap(({ ids }) => ids);
    const address = ids.length > conversations.length ? this.#chunk.address : this.#steps;
    language.embed(address, ids);
    const spans = conversations.map(({ cache, ids: { length: rows }, position }) => ({
      ...{ cache, rows, wanted: "last" as const },
      positions: position === undefined ? undefined : Array.from({ length: rows }, (_, row) => position + row),
    }));
    await language.forward(address, spans, pacer);
    if (address !== this.#steps) {
      let end = address;
      for (const [i, { rows }] of spans.entries()) {
        end += rows * rowBytes;
        backend.copy(this.#steps + i * rowBytes, end - rowBytes, rowBytes);
      }
    }
    return language.logits(this.#steps, conversations.length);
  }

  /** As `steps`, by the tokens that were left for them (`Language.chosenAt`), which nobody here need know. */
  async stepsByChosen(caches: readonly KvCache[], pacer: Pacer): Promise<number> {
    const { language } = this;
    language.embedChosen(this.#steps, caches.length);
    await language.forward(this.#steps, caches.map((cache) => ({ cache, rows: 1, wanted: "last" })), pacer);
    return language.logits(this.#steps, caches.length);
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
        logits.push(await backend.read(language.logits(address + row * width * 4), vocabulary));
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
    const weights = await backend.read(record.weights, layers * heads * positions);
    return { weights, layers, heads, positions };
  }
}
