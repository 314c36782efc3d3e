import { type Backend, Epilogue, type Matrix, readsQuantized, type SamplingBuffers } from "../backend/backend.ts";
import { MemoryPlan } from "../memory/plan.ts";
import type { LanguageConfig } from "./config.ts";
import { type Input, linear, rmsNormFor, swigluFor } from "./linear.ts";
import type { Pacer } from "./pacer.ts";
import { allRows, type Part, type Run, type Span, wantedRows } from "./spans.ts";
import type { LanguageLayer, LanguageTensors } from "./tensors.ts";

/** Weights in place: matrices packed, vectors as addresses of f32. */
export type LanguageWeights = LanguageTensors<Matrix, number>;
type Layer = LanguageLayer<Matrix, number>;

/** Where a decoder works. */
export interface LanguagePlaces {
  readonly scratch: number;
  /** Address of {@link Language.queryBytes}, the Q cache; within the scratch if left out. */
  readonly queries?: number | undefined;
  /** f32 elements where an anchor leaves its probabilities for its lazy layers; these make their own if left out. */
  readonly probabilities?: { readonly address: number; readonly elements: number } | undefined;
}

/** The decoder (Llama: RMSNorm, rotary positions, grouped heads, SwiGLU): hidden rows in, logits out. */
export class Language {
  readonly config: LanguageConfig;
  /** Rows that one `forward` takes at most. */
  readonly maxRows: number;
  readonly #backend: Backend;
  readonly #weights: LanguageWeights;
  readonly #at: Buffers;
  readonly #probabilities: LanguagePlaces["probabilities"];
  readonly #inverseFrequencies: Float32Array;

  /**
   * @param at `scratch`: address of {@link Language.scratchBytes} bytes, used only during `forward` and until its logits are
   * read.
   */
  constructor(
    backend: Backend,
    config: LanguageConfig,
    weights: LanguageWeights,
    maxRows: number,
    contextTokens: number,
    at: LanguagePlaces,
  ) {
    this.#backend = backend;
    this.config = config;
    this.maxRows = maxRows;
    this.#weights = weights;
    const buffers = layout(backend, config, maxRows, contextTokens, at.scratch);
    this.#at = { ...buffers, q: at.queries ?? buffers.q };
    this.#probabilities = at.probabilities;
    const half = config.headWidth / 2;
    this.#inverseFrequencies = Float32Array.from({ length: half }, (_, i) => config.ropeBase ** (-i / half));
  }

  /** Bytes that one `forward` of `maxRows` rows over `contextTokens` positions works in. */
  static scratchBytes(backend: Backend, config: LanguageConfig, maxRows: number, contextTokens: number): number {
    return layout(backend, config, maxRows, contextTokens, 0).bytes;
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
    this.#backend.words(this.#at.ids, ids.length).set(ids);
    this.#backend.embed(dst, this.#weights.tokenEmbd, this.#at.ids, ids.length);
  }

  /**
   * Runs rows through all layers in place, adding their keys and values to the caches of their spans.
   *
   * @param x Address of f32 [sum of the spans' rows, width]: embeddings; afterwards the hidden states of the wanted rows.
   */
  async forward(x: number, spans: readonly Span[], pacer: Pacer): Promise<void> {
    const all = allRows(spans);
    const { layers } = this.#weights;
    this.#writeTurns(all);
    for (const [index, layer] of layers.entries()) {
      this.#layer(x, index, layer, all, index === layers.length - 1 ? wantedRows(spans) : [all]);
      if (pacer.due()) await pacer.pause();
    }
    for (const span of spans) span.cache.length += span.rows;
  }

  /**
   * Logits of one row that went through `forward`.
   *
   * @param x Address of f32 [width].
   * @returns Address of f32 [vocabulary], valid until the next call of this model.
   */
  logits(x: number): number {
    const b = this.#backend;
    const { config: c } = this;
    const at = this.#at;
    const w = this.#weights;
    b.rmsNorm(at.last, x, w.outputNorm, 1, c.width, c.eps);
    if (!readsQuantized(w.output.format)) {
      linear(b, at.logits, at.last, at.input.quantized, w.output, 0, 1, Epilogue.store);
      return at.logits;
    }
    // the best two logits are often closer than 8-bit activations can tell: what their rounding loses is a second row
    b.roundingError(at.last + c.width * 4, at.last, c.width);
    linear(b, at.logits, at.last, at.input.quantized, w.output, 0, 2, Epilogue.store);
    b.add(at.logits, at.logits + c.vocabulary * 4, c.vocabulary);
    return at.logits;
  }

  /** One layer: keys and values of all rows, and what comes after them for the rows that are `wanted`. */
  #layer(x: number, index: number, w: Layer, all: Run, wanted: readonly Run[]): void {
    this.#normalizeForAttention(x, w, all);
    this.#storeKeysAndValues(index, w, all);
    const { attnQ } = w;
    for (const run of wanted) {
      if (attnQ && run.rows < all.rows) this.#normalizeForAttention(x, w, run);
      const q = attnQ ? this.#queries(attnQ, run) : this.#at.q + run.row * this.#queryRowBytes;
      this.#attend(x, index, w, q, run, run.rows === all.rows);
      this.#feedForward(x, w, run);
    }
  }

  #normalizeForAttention(x: number, w: Layer, { row, rows }: Run): void {
    const c = this.config;
    const own = w.attnQ && w.attnK ? [w.attnQ, w.attnK] : [];
    const at = x + row * c.width * 4;
    rmsNormFor(this.#backend, this.#at.input, at, w.attnNorm, rows, c.eps, w.attnV, ...own);
  }

  /** Of normalized rows. */
  #storeKeysAndValues(index: number, w: Layer, { rows, parts }: Run): void {
    const b = this.#backend;
    const c = this.config;
    const { input, k, v, turns } = this.#at;
    const keyWidth = c.kvHeads * c.headWidth;
    b.linear(v, input.floats, input.quantized, w.attnV, 0, rows, Epilogue.store);
    if (w.attnK) {
      b.linear(k, input.floats, input.quantized, w.attnK, 0, rows, Epilogue.store);
      b.rope(k, turns, rows, c.kvHeads, c.headWidth, keyWidth);
    }
    for (const part of parts) {
      const kv = part.cache.layers[index]!;
      // the keys of a lazy layer are its anchor's, which stored them
      if (w.attnK) b.storeKeys(kv, k + part.row * keyWidth * 4, part.position, part.rows);
      b.storeValues(kv, v + part.row * keyWidth * 4, part.position, part.rows);
    }
  }

  /** Where the probabilities of these parts go, or 0 if there is no room for them. */
  #placeFor(parts: readonly Part[]): number {
    if (!this.#probabilities) return 0;
    const { address, elements } = this.#probabilities;
    const needed = parts.reduce((sum, part) => sum + this.#probabilitiesOf(part), 0);
    return needed <= elements ? address : 0;
  }

  #probabilitiesOf({ rows, position }: Part): number {
    const { heads, kvHeads } = this.config;
    return this.#backend.attentionProbabilities(rows, heads, kvHeads, position + rows);
  }

  get #queryRowBytes(): number {
    return this.config.heads * this.config.headWidth * 4;
  }

  /** Of normalized rows, turned; returns their address. */
  #queries(attnQ: Matrix, { row, rows }: Run): number {
    const { config: c } = this;
    const { q, input, turns } = this.#at;
    this.#backend.linear(q, input.floats, input.quantized, attnQ, 0, rows, Epilogue.store);
    this.#backend.rope(q, turns + row * c.headWidth * 4, rows, c.heads, c.headWidth, c.heads * c.headWidth);
    return q;
  }

  /**
   * Attention added to `x`.
   *
   * @param q Address of the run's queries.
   * @param whole False if the run leaves out rows that the anchor had: probabilities are kept for all rows or for none.
   */
  #attend(x: number, index: number, w: Layer, q: number, { row, rows, parts }: Run, whole: boolean): void {
    const b = this.#backend;
    const c = this.config;
    const at = this.#at;
    const next = this.#weights.layers[index + 1];
    const inBlock = !w.attnQ || (next !== undefined && !next.attnQ);
    let kept = whole && inBlock ? this.#placeFor(parts) : 0;
    for (const part of parts) {
      const offset = (part.row - row) * this.#queryRowBytes;
      const kv = part.cache.layers[index]!;
      const [to, from] = [at.attended + offset, q + offset];
      b.attention(to, from, kv, at.scratch, part.rows, c.heads, part.position, true, kept, kept !== 0 && !w.attnQ);
      if (kept !== 0) kept += this.#probabilitiesOf(part) * 4;
    }
    linear(b, x + row * c.width * 4, at.attended, at.input.quantized, w.attnOutput, 0, rows, Epilogue.add);
  }

  #feedForward(x: number, w: Layer, { row, rows }: Run): void {
    const b = this.#backend;
    const c = this.config;
    const { input, gate, up } = this.#at;
    const at = x + row * c.width * 4;
    rmsNormFor(b, input, at, w.ffnNorm, rows, c.eps, w.ffnGate, w.ffnUp);
    b.linear(gate, input.floats, input.quantized, w.ffnGate, 0, rows, Epilogue.store);
    b.linear(up, input.floats, input.quantized, w.ffnUp, 0, rows, Epilogue.store);
    swigluFor(b, { floats: gate, quantized: input.quantized }, gate, up, rows, w.ffnDown);
    b.linear(at, gate, input.quantized, w.ffnDown, 0, rows, Epilogue.add);
  }

  /** Cosine and sine of position * base^(-2i / head width), in f32 steps as the reference computes them. */
  #writeTurns({ rows, parts }: Run): void {
    const frequencies = this.#inverseFrequencies;
    const turns = this.#backend.floats(this.#at.turns, rows * this.config.headWidth);
    let at = 0;
    for (const part of parts) {
      for (let position = part.position; position < part.position + part.rows; position++) {
        for (const frequency of frequencies) {
          const angle = Math.fround(position * frequency);
          turns[at++] = Math.cos(angle);
          turns[at++] = Math.sin(angle);
        }
      }
    }
  }
}

interface Buffers {
  readonly ids: number;
  /** Normalized rows, as the matrices read them. */
  readonly input: Input;
  readonly turns: number;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly attended: number;
  readonly gate: number;
  readonly up: number;
  readonly scratch: number;
  readonly last: number;
  readonly logits: number;
  readonly sampling: SamplingBuffers;
  readonly bytes: number;
}

/** Where everything lies in the scratch. What is live only in the layers or only after them shares one region. */
function layout(b: Backend, c: LanguageConfig, rows: number, contextTokens: number, base: number): Buffers {
  const f32 = (plan: MemoryPlan, name: string, elements: number) => plan.reserve(name, elements * 4);
  const queryWidth = c.heads * c.headWidth;
  const keyWidth = c.kvHeads * c.headWidth;

  const always = new MemoryPlan(base);
  const ids = f32(always, "ids", rows);
  const recordBytes = b.activationRowBytes(Math.max(c.width, c.hidden, queryWidth));
  const quantized = always.reserve("quantized", Math.max(rows, 2) * recordBytes);

  const layers = new MemoryPlan(always.end);
  const inLayers = {
    input: { floats: f32(layers, "norm", rows * c.width), quantized },
    turns: f32(layers, "turns", rows * c.headWidth),
    q: f32(layers, "q", rows * queryWidth),
    k: f32(layers, "k", rows * keyWidth),
    v: f32(layers, "v", rows * keyWidth),
    attended: f32(layers, "attended", rows * queryWidth),
    gate: f32(layers, "gate", rows * c.hidden),
    up: f32(layers, "up", rows * c.hidden),
    scratch: f32(layers, "scratch", b.attentionScratch(contextTokens, c.headWidth)),
  };

  const after = new MemoryPlan(always.end);
  const afterLayers = {
    last: f32(after, "last", 2 * c.width),
    logits: f32(after, "logits", 2 * c.vocabulary),
    sampling: {
      scratch: f32(after, "sampling", b.sampleScratch(c.vocabulary)),
      recent: f32(after, "recent", contextTokens),
    },
  };
  return { ids, ...inLayers, ...afterLayers, bytes: Math.max(layers.end, after.end) - base };
}
