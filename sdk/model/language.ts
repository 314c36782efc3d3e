import { type Backend, Epilogue, type Matrix, readsQuantized } from "../backend/backend.ts";
import type { KvCache } from "../lazy/cache.ts";
import { MemoryPlan } from "../memory/plan.ts";
import type { LanguageConfig } from "./config.ts";
import { linear, quantizeFor } from "./linear.ts";
import type { Pacer } from "./pacer.ts";
import type { LanguageLayer, LanguageTensors } from "./tensors.ts";

/** Weights in place: matrices packed, vectors as addresses of f32. */
export type LanguageWeights = LanguageTensors<Matrix, number>;

/** Rows that belong to one conversation: they continue its cache. */
export interface Span {
  readonly cache: KvCache;
  readonly rows: number;
}

/** The decoder (Llama: RMSNorm, rotary positions, grouped heads, SwiGLU): hidden rows in, logits out. */
export class Language {
  readonly config: LanguageConfig;
  /** Rows that one `forward` takes at most. */
  readonly maxRows: number;
  readonly #backend: Backend;
  readonly #weights: LanguageWeights;
  readonly #at: Buffers;
  readonly #inverseFrequencies: Float32Array;

  /** @param scratch Address of {@link Language.scratchBytes} bytes, used only during `forward` and until its logits are read. */
  constructor(
    backend: Backend,
    config: LanguageConfig,
    weights: LanguageWeights,
    maxRows: number,
    contextTokens: number,
    scratch: number,
  ) {
    this.#backend = backend;
    this.config = config;
    this.maxRows = maxRows;
    this.#weights = weights;
    this.#at = layout(backend, config, maxRows, contextTokens, scratch);
    const half = config.headWidth / 2;
    this.#inverseFrequencies = Float32Array.from({ length: half }, (_, i) => config.ropeBase ** (-i / half));
  }

  /** Bytes that one `forward` of `maxRows` rows over `contextTokens` positions works in. */
  static scratchBytes(backend: Backend, config: LanguageConfig, maxRows: number, contextTokens: number): number {
    return layout(backend, config, maxRows, contextTokens, 0).bytes;
  }

  /** dst: f32 [ids.length, width], the tokens' embeddings; at most `maxRows` ids. */
  embed(dst: number, ids: ArrayLike<number>): void {
    this.#backend.words(this.#at.ids, ids.length).set(ids);
    this.#backend.embed(dst, this.#weights.tokenEmbd, this.#at.ids, ids.length);
  }

  /**
   * Runs rows through all layers in place, adding their keys and values to the caches of their spans.
   *
   * @param x Address of f32 [sum of the spans' rows, width].
   */
  async forward(x: number, spans: readonly Span[], pacer: Pacer): Promise<void> {
    const rows = spans.reduce((n, span) => n + span.rows, 0);
    this.#writeTurns(spans);
    for (const [index, layer] of this.#weights.layers.entries()) {
      this.#layer(x, index, layer, spans, rows);
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
      linear(b, at.logits, at.last, at.quantized, w.output, 0, 1, Epilogue.store);
      return at.logits;
    }
    // the best two logits are often closer than 8-bit activations can tell: what their rounding loses is a second row
    b.roundingError(at.last + c.width * 4, at.last, c.width);
    linear(b, at.logits, at.last, at.quantized, w.output, 0, 2, Epilogue.store);
    b.add(at.logits, at.logits + c.vocabulary * 4, c.vocabulary);
    return at.logits;
  }

  #layer(x: number, index: number, w: LanguageLayer<Matrix, number>, spans: readonly Span[], rows: number): void {
    const b = this.#backend;
    const c = this.config;
    const at = this.#at;
    const [queryWidth, keyWidth] = [c.heads * c.headWidth, c.kvHeads * c.headWidth];

    b.rmsNorm(at.norm, x, w.attnNorm, rows, c.width, c.eps);
    quantizeFor(b, at.quantized, at.norm, rows, w.attnQ, w.attnK, w.attnV);
    b.linear(at.q, at.norm, at.quantized, w.attnQ, 0, rows, Epilogue.store);
    b.linear(at.k, at.norm, at.quantized, w.attnK, 0, rows, Epilogue.store);
    b.linear(at.v, at.norm, at.quantized, w.attnV, 0, rows, Epilogue.store);
    b.rope(at.q, at.turns, rows, c.heads, c.headWidth, queryWidth);
    b.rope(at.k, at.turns, rows, c.kvHeads, c.headWidth, keyWidth);
    let row = 0;
    for (const { cache, rows: n } of spans) {
      const kv = cache.layers[index]!;
      b.storeKeys(kv, at.k + row * keyWidth * 4, cache.length, n);
      b.storeValues(kv, at.v + row * keyWidth * 4, cache.length, n);
      const [q, out] = [at.q + row * queryWidth * 4, at.attended + row * queryWidth * 4];
      b.attention(out, q, kv, at.scratch, n, c.heads, cache.length, true);
      row += n;
    }
    linear(b, x, at.attended, at.quantized, w.attnOutput, 0, rows, Epilogue.add);

    b.rmsNorm(at.norm, x, w.ffnNorm, rows, c.width, c.eps);
    quantizeFor(b, at.quantized, at.norm, rows, w.ffnGate, w.ffnUp);
    b.linear(at.gate, at.norm, at.quantized, w.ffnGate, 0, rows, Epilogue.store);
    b.linear(at.up, at.norm, at.quantized, w.ffnUp, 0, rows, Epilogue.store);
    b.swiglu(at.gate, at.gate, at.up, rows * c.hidden);
    linear(b, x, at.gate, at.quantized, w.ffnDown, 0, rows, Epilogue.add);
  }

  /** Cosine and sine of position * base^(-2i / head width), in f32 steps as the reference computes them. */
  #writeTurns(spans: readonly Span[]): void {
    const frequencies = this.#inverseFrequencies;
    const rows = spans.reduce((n, span) => n + span.rows, 0);
    const turns = this.#backend.floats(this.#at.turns, rows * this.config.headWidth);
    let at = 0;
    for (const { cache, rows: n } of spans) {
      for (let position = cache.length; position < cache.length + n; position++) {
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
  readonly turns: number;
  readonly norm: number;
  readonly quantized: number;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly attended: number;
  readonly gate: number;
  readonly up: number;
  readonly scratch: number;
  readonly last: number;
  readonly logits: number;
  readonly bytes: number;
}

function layout(b: Backend, c: LanguageConfig, rows: number, contextTokens: number, base: number): Buffers {
  const plan = new MemoryPlan(base);
  const f32 = (name: string, elements: number) => plan.reserve(name, elements * 4);
  const queryWidth = c.heads * c.headWidth;
  const keyWidth = c.kvHeads * c.headWidth;
  const buffers = {
    ids: f32("ids", rows),
    turns: f32("turns", rows * c.headWidth),
    norm: f32("norm", rows * c.width),
    quantized: plan.reserve("quantized", rows * b.activationRowBytes(Math.max(c.width, c.hidden, queryWidth))),
    q: f32("q", rows * queryWidth),
    k: f32("k", rows * keyWidth),
    v: f32("v", rows * keyWidth),
    attended: f32("attended", rows * queryWidth),
    gate: f32("gate", rows * c.hidden),
    up: f32("up", rows * c.hidden),
    scratch: f32("scratch", b.attentionScratch(contextTokens, c.headWidth)),
    last: f32("last", 2 * c.width),
    logits: f32("logits", 2 * c.vocabulary),
  };
  return { ...buffers, bytes: plan.end - base };
}
