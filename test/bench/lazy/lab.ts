/** One loaded pair on which every plan, cache and number of conversations can be measured in turns. */
import { KvFormat } from "../../../sdk/backend/backend.ts";
import type { WasmBackend } from "../../../sdk/backend/wasm/backend.ts";
import { Random } from "../../../sdk/generate/random.ts";
import { KvCache } from "../../../sdk/lazy/cache.ts";
import type { LazyPlan } from "../../../sdk/lazy/plan.ts";
import { visualSelection } from "../../../sdk/lazy/visual_tokens.ts";
import { MemoryPlan } from "../../../sdk/memory/plan.ts";
import { type Assembled, type KvType, MAX_PROBABILITIES, planModel } from "../../../sdk/model/assemble.ts";
import type { LanguageConfig } from "../../../sdk/model/config.ts";
import { Pacer } from "../../../sdk/model/pacer.ts";
import type { Pair } from "../../../sdk/model/pair.ts";
import { languageTensors, type NeededTensor } from "../../../sdk/model/tensors.ts";
import type { Vlm } from "../../../sdk/model/vlm.ts";
import { anyTile, type Opened, openPair, type PairPaths } from "../model.ts";
import type { Clock } from "./clock.ts";
import type { Keeps } from "./cost.ts";

/** How a conversation is computed. */
export interface Setting {
  readonly lazy: LazyPlan;
  readonly kv: KvType;
}

/** Slots of a conversation. */
export interface Slots {
  readonly all: number;
  /** Those of them that text takes. */
  readonly text: number;
  /** Image tokens that are kept of each tile. */
  readonly perTile: number;
}

/** Bytes as the product's own memory plan has them. */
export interface PlannedBytes {
  readonly weightBytes: number;
  /** Everything but the cache: weights, work areas, Q cache, kernels, and the picture decoder's least. */
  readonly fixedBytes: number;
  /** One conversation's cache. */
  readonly kvBytes: number;
}

/** The least that `load` leaves the picture decoder, in bytes. */
const DECODER_BYTES = 4 << 20;
/** What a wasm memory can have at most, in bytes: to plan in, not to be allocated. */
const UNBOUNDED = 4 * 2 ** 30;

export class Lab {
  readonly #model: Assembled;
  readonly #pair: Pair;
  readonly #backend: WasmBackend;
  /** Address of the memory behind the model, and its bytes. */
  readonly #spare: { readonly address: number; readonly bytes: number };

  /** What times are taken by. */
  readonly clock: Clock;

  private constructor({ model, pair, backend }: Opened, spareBytes: number, clock: Clock) {
    this.clock = clock;
    this.#model = model;
    this.#pair = pair;
    this.#backend = backend;
    const address = backend.memory.buffer.byteLength;
    backend.reserve(address + spareBytes);
    this.#spare = { address, bytes: spareBytes };
  }

  /**
   * @param contextTokens Slots of the longest conversation.
   * @param spareBytes For {@link Lab.batch}.
   */
  static async open(paths: PairPaths, contextTokens: number, spareBytes: number, clock: Clock): Promise<Lab> {
    const options = { anyPlan: true, memoryBudget: UNBOUNDED };
    return new Lab(await openPair(paths, contextTokens, options), spareBytes, clock);
  }

  get config(): LanguageConfig {
    return this.#pair.languageConfig;
  }

  /** Image tokens of one tile. */
  get tileTokens(): number {
    return this.#pair.visionConfig.tokens;
  }

  /** The text model's file. */
  get text(): Pair["text"] {
    return this.#pair.text;
  }

  /** Network and cache under a setting; those before are not to be used any more. */
  under(setting: Setting): { readonly vlm: Vlm; readonly cache: KvCache } {
    return this.#model.under(setting);
  }

  /** Image tokens of some tile, f32 [tileTokens, width]. */
  async imageTokens(): Promise<Float32Array> {
    return await this.#model.vlm.imageTokens(anyTile(this.#model));
  }

  /** Whether a lazy block's probabilities have room, as `forward` decides it. */
  keeps(): Keeps {
    const { heads, kvHeads } = this.config;
    return (rows, slots) => this.#backend.attentionProbabilities(rows, heads, kvHeads, slots) <= MAX_PROBABILITIES;
  }

  /** Bytes of all matrices that a decode step reads under a plan, the output layer's among them. */
  decoderBytes(lazy: LazyPlan): number {
    const { output, layers } = languageTensors(this.#pair.text, this.config, lazy);
    const formats = new Map(this.#model.placed.map(({ needed, format }) => [needed.tensor, format]));
    return [output, ...layers.flatMap((layer): NeededTensor[] => Object.values(layer))]
      .filter(({ kind }) => kind === "matrix")
      .reduce((sum, m) => sum + this.#backend.matrixBytes(m.columns, m.width, formats.get(m.tensor)!), 0);
  }

  /** What the product would reserve for a conversation under a setting. */
  planned({ lazy, kv }: Setting, slots: Slots): PlannedBytes {
    const pair = { ...this.#pair, lazy, languageTensors: languageTensors(this.#pair.text, this.config, lazy) };
    const { parts } = planModel(this.#backend, pair, {
      ...{ memoryBudget: UNBOUNDED, weights: "auto", kv, contextTokens: slots.all, textTokens: slots.text },
      visualTokens: visualSelection(slots.perTile, this.tileTokens, (seed) => new Random(seed)),
    });
    const bytes = (...names: string[]) =>
      parts.reduce((sum, part) => names.includes(part.name) ? sum + part.bytes : sum, 0);
    const all = bytes(...parts.map((part) => part.name));
    const kvBytes = bytes("kv cache", "text slots");
    const fixedBytes = all - kvBytes - bytes("picture decoder") + DECODER_BYTES;
    return { weightBytes: bytes("weights"), fixedBytes, kvBytes };
  }

  /**
   * Conversations that decode together, each with a cache of its own that is filled up to `filled`. The caches hold zeros:
   * the time does not depend on the numbers in them.
   *
   * @param slots Room of each cache.
   * @param filled For each filled slot, whether it is an image token's.
   * @throws {RangeError} if they do not fit into the spare memory.
   */
  batch({ lazy, kv }: Setting, slots: Slots, filled: readonly boolean[], conversations: number): Batch {
    const { vlm } = this.#model.under({ lazy, kv });
    const plan = new MemoryPlan(this.#spare.address);
    const rows = plan.reserve("rows", vlm.language.maxRows * this.config.width * 4);
    const format = kv === "q8" ? KvFormat.q8 : KvFormat.f16;
    const options = { contextTokens: slots.all, textTokens: slots.text, lazy, format };
    const caches = Array.from({ length: conversations }, () => new KvCache(plan, this.config, options));
    if (plan.total > this.#spare.bytes) throw new RangeError(`${plan.total} bytes, spare are ${this.#spare.bytes}`);
    this.#backend.clear(this.#spare.address, plan.total);
    const texts = filled.flatMap((visual, slot) => visual ? [] : [slot]);
    for (const cache of caches) {
      cache.append({ rows: filled.length, visual: filled.map(Number) });
      if (cache.textSlots !== 0) this.#backend.write(cache.textSlots, Uint32Array.from(texts));
    }
    return new Batch(vlm, rows, caches, filled.length);
  }
}

/** Conversations that decode together. */
export class Batch {
  readonly #pacer = new Pacer();

  /** @param rows Address of f32 [maxRows, width]. */
  constructor(
    readonly vlm: Vlm,
    readonly rows: number,
    readonly caches: readonly KvCache[],
    readonly filled: number,
  ) {}

  /** One token of every conversation, drawn from its logits; then the caches are as before. */
  async step(): Promise<void> {
    const { vlm: { language, backend }, rows } = this;
    const { width, vocabulary } = language.config;
    for (let from = 0; from < this.caches.length; from += language.maxRows) {
      const caches = this.caches.slice(from, from + language.maxRows);
      language.embed(rows, caches.map((_, i) => 100 + i));
      const spans = caches.map((cache) => ({ cache, rows: 1, wanted: "last" as const }));
      await language.forward(rows, spans, this.#pacer);
      for (const [row] of caches.entries()) {
        const logits = language.logits(rows + row * width * 4);
        if (await backend.argmax(logits, vocabulary) < 0) throw new Error("a logit is no finite number");
      }
    }
    for (const cache of this.caches) cache.truncate(this.filled);
  }
}
