import { type Backend, Epilogue, type Matrix, readsQuantized, type SamplingBuffers } from "../backend/backend.ts";
import type { LazyPlan } from "../lazy/plan.ts";
import { Attention, type AttentionRecord, type ProbabilityPlace } from "./attention.ts";
import type { LanguageConfig } from "./config.ts";
import { type LanguageBuffers, languageLayout, type LanguageSizes } from "./language_layout.ts";
import { linear } from "./linear.ts";
import type { Pacer } from "./pacer.ts";
import { allRows, type Run, type Span, wantedRows } from "./spans.ts";
import type { LanguageLayer, LanguageTensors } from "./tensors.ts";

/** Weights in place: matrices packed, vectors as addresses of f32. */
export type LanguageWeights = LanguageTensors<Matrix, number>;

/** Where a decoder works. */
export interface LanguagePlaces {
  readonly scratch: number;
  /** Address of {@link Language.queryBytes}, the Q cache; within the scratch if left out. */
  readonly queries?: number | undefined;
  /** Lazy layers under `gla` make their own probabilities if left out. */
  readonly probabilities?: ProbabilityPlace | undefined;
}

/** The decoder (Llama: RMSNorm, rotary positions, grouped heads, SwiGLU): hidden rows in, logits out. */
export class Language {
  readonly config: LanguageConfig;
  readonly maxRows: number;
  readonly #backend: Backend;
  readonly #weights: LanguageWeights;
  readonly #attention: Attention;
  readonly #at: LanguageBuffers;

  /**
   * @param plan Of the caches and weights: without those that it makes unreachable.
   * @param at `scratch`: address of {@link Language.scratchBytes} bytes, used only during `forward` and until its logits are
   * read.
   */
  constructor(
    backend: Backend,
    config: LanguageConfig,
    weights: LanguageWeights,
    plan: LazyPlan,
    sizes: LanguageSizes,
    at: LanguagePlaces,
  ) {
    this.#backend = backend;
    this.config = config;
    this.maxRows = sizes.maxRows;
    this.#weights = weights;
    this.#at = languageLayout(backend, config, sizes, at.scratch, at.queries);
    this.#attention = new Attention(backend, config, weights.layers, plan, this.#at, at.probabilities);
  }

  /**
   * Bytes that one `forward` works in.
   *
   * @param ownQueries Whether the queries have a place of their own.
   */
  static scratchBytes(
    backend: Backend,
    config: LanguageConfig,
    sizes: LanguageSizes,
    ownQueries: boolean,
  ): number {
    return languageLayout(backend, config, sizes, 0, ownQueries ? 0 : undefined).bytes;
  }

  /**
   * Bytes of the queries of `maxRows` rows. Lazy layers find in them what their anchor left: the Q cache of the block in
   * flight.
   */
  static queryBytes(config: LanguageConfig, maxRows: number): number {
    return maxRows * config.heads * config.headWidth * 4;
  }

  /** Where a sampler may work on the logits that `logits` gave; for as many recent ids as the context has positions. */
  get sampling(): SamplingBuffers {
    return this.#at.sampling;
  }

  /** dst: f32 [ids.length, width], the tokens' embeddings; at most `maxRows` ids. */
  embed(dst: number, ids: ArrayLike<number>): void {
    this.#backend.write(this.#at.ids, Uint32Array.from(ids));
    this.#backend.embed(dst, this.#weights.tokenEmbd, this.#at.ids, ids.length);
  }

  /** Where an id may be left that is chosen for a conversation, for `embedChosen`. */
  chosenAt(conversation: number): number {
    return this.#at.chosen + conversation * 4;
  }

  /** dst: f32 [count, width], the embeddings of what was left for the first conversations. */
  embedChosen(dst: number, count: number): void {
    this.#backend.embed(dst, this.#weights.tokenEmbd, this.#at.chosen, count);
  }

  /**
   * Runs rows through all layers in place, adding their keys and values to the caches of their spans.
   *
   * @param x Address of f32 [sum of the spans' rows, width]: embeddings; afterwards the hidden states of the wanted rows.
   * @param record Of one span of one row: where its attention is kept.
   * @throws {LorisError} `context_overflow` if a cache has no room for its rows, before anything is computed.
   */
  async forward(x: number, spans: readonly Span[], pacer: Pacer, record?: AttentionRecord): Promise<void> {
    const all = allRows(spans);
    const { layers } = this.#weights;
    this.#attention.begin(spans, all, record);
    for (const [index, layer] of layers.entries()) {
      this.#layer(x, index, layer, all, index === layers.length - 1 ? wantedRows(spans) : [all]);
      if (pacer.due()) await pacer.pause();
    }
    for (const span of spans) span.cache.append(span);
  }

  /**
   * Logits of rows that went through `forward`.
   *
   * @param x Address of f32 [rows, width].
   * @param rows At most `maxConversations`.
   * @returns Address of f32 [rows, vocabulary], valid until the next call of this model.
   */
  logits(x: number, rows = 1): number {
    const b = this.#backend;
    const { config: c } = this;
    const at = this.#at;
    const w = this.#weights;
    if (b.keepsActivations || !readsQuantized(w.output.format)) {
      const between = { floats: at.last, quantized: at.input.quantized };
      b.rmsNormLinear([{ dst: at.logits, matrix: w.output }], x, w.outputNorm, between, rows, c.eps);
      return at.logits;
    }
    b.rmsNorm(at.last, x, w.outputNorm, rows, c.width, c.eps);
    // the best two logits are often closer than 8-bit activations can tell: what their rounding loses are rows of their own
    for (let row = 0; row < rows; row++) {
      b.roundingError(at.last + (rows + row) * c.width * 4, at.last + row * c.width * 4, c.width);
    }
    linear(b, at.logits, at.last, at.input.quantized, w.output, 0, 2 * rows, Epilogue.store);
    b.add(at.logits, at.logits + rows * c.vocabulary * 4, rows * c.vocabulary);
    return at.logits;
  }

  /** One layer: keys and values of all rows, and what comes after them for the rows that are `wanted`. */
  #layer(x: number, index: number, w: LanguageLayer<Matrix, number>, all: Run, wanted: readonly Run[]): void {
    this.#attention.store(x, index, all, wanted.some(({ rows }) => rows === all.rows));
    for (const run of wanted) {
      this.#attention.add(x, index, all, run);
      this.#feedForward(x, w, run);
    }
  }

  #feedForward(x: number, w: LanguageLayer<Matrix, number>, { row, rows }: Run): void {
    const b = this.#backend;
    const c = this.config;
    const { input, gate, up } = this.#at;
    const at = x + row * c.width * 4;
    const matrices = { gate: w.ffnGate, up: w.ffnUp, down: w.ffnDown };
    const dst = { floats: gate, quantized: input.quantized };
    b.gatedLinear(dst, matrices, at, w.ffnNorm, { input, gate, up }, rows, c.eps);
    b.linear(at, gate, input.quantized, w.ffnDown, 0, rows, Epilogue.add);
  }
}
