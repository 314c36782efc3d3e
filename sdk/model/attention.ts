import { type Backend, Epilogue, type Matrix } from "../backend/backend.ts";
import { type LazyPlan, sharesVisualKeys } from "../lazy/plan.ts";
import type { LanguageConfig } from "./config.ts";
import type { LanguageBuffers } from "./language_layout.ts";
import { linear, rmsNormFor } from "./linear.ts";
import { type Part, type Run, type Span, textRowsOf } from "./spans.ts";
import type { LanguageLayer } from "./tensors.ts";

type Layer = LanguageLayer<Matrix, number>;

/** f32 elements where an anchor leaves its probabilities for its lazy layers. */
export interface ProbabilityPlace {
  readonly address: number;
  readonly elements: number;
}

/** Where the attention of one row is recorded, layer by layer. */
export interface AttentionRecord {
  /** f32 [attentionProbabilities(1 row)], in between. */
  readonly probabilities: number;
  /** f32 [layers, heads, slots], slots with that of the row itself. */
  readonly weights: number;
}

/**
 * The decoder's attention (grouped heads, rotary positions, causal) under a lazy plan. A layer that is its own anchor makes
 * queries and keys of every row. Under `gla` a lazy layer has neither: queries are where its anchor left them, keys in its
 * anchor's cache, and with room for them the anchor's probabilities as well. Under `vla` that holds for visual rows; of text
 * rows a lazy layer makes its own.
 */
export class Attention {
  readonly #backend: Backend;
  readonly #config: LanguageConfig;
  readonly #layers: readonly Layer[];
  readonly #plan: LazyPlan;
  readonly #at: LanguageBuffers;
  readonly #kept: ProbabilityPlace | undefined;
  readonly #inverseFrequencies: Float32Array;
  /** Of the pass in flight. */
  #textRows: readonly number[] = [];
  #record: AttentionRecord | undefined;

  constructor(
    backend: Backend,
    config: LanguageConfig,
    layers: readonly Layer[],
    plan: LazyPlan,
    at: LanguageBuffers,
    kept: ProbabilityPlace | undefined,
  ) {
    this.#backend = backend;
    this.#config = config;
    this.#layers = layers;
    this.#plan = plan;
    this.#at = at;
    this.#kept = kept;
    const half = config.headWidth / 2;
    this.#inverseFrequencies = Float32Array.from({ length: half }, (_, i) => config.ropeBase ** (-i / half));
  }

  /** What all layers of a pass share: the rows' turns, and which slots are text. */
  begin(spans: readonly Span[], { parts }: Run, record: AttentionRecord | undefined): void {
    const { turns, textTurns } = this.#at;
    this.#record = record;
    this.#textRows = textRowsOf(spans);
    const positions = spans.flatMap((span) =>
      Array.from({ length: span.rows }, (_, row) => span.positions?.[row] ?? span.cache.nextPosition + row)
    );
    this.#writeTurns(turns, positions);
    if (parts.every((part) => part.cache.textSlots === 0)) return;
    this.#writeTurns(textTurns, this.#textRows.map((row) => positions[row]!));
    for (const { cache, row, slot, text, textSlot } of parts) {
      const rows = this.#textRows.slice(text.first, text.first + text.rows);
      if (rows.length > 0) {
        this.#backend.write(cache.textSlots + textSlot * 4, Uint32Array.from(rows, (r) => slot + r - row));
      }
    }
  }

  /** Adds the keys and values of all rows of `x` to the caches, as far as the layer has its own. */
  store(x: number, index: number, all: Run): void {
    const b = this.#backend;
    const { attnV, attnK, attnQ, attnNorm } = this.#layers[index]!;
    const { input, v } = this.#at;
    const ofText = sharesVisualKeys(this.#plan, index);
    this.#normalize(x, attnNorm, all, attnV, ...(attnQ && attnK && !ofText ? [attnQ, attnK] : []));
    b.linear(v, input.floats, input.quantized, attnV, 0, all.rows, Epilogue.store);
    for (const part of all.parts) {
      b.storeValues(part.cache.layers[index]!, v + part.row * this.#keyRowBytes, part.slot, part.rows);
    }
    // the keys of a lazy layer are its anchor's, which stored them
    if (!attnQ || !attnK) return;
    if (!ofText) {
      this.#keys(attnK, all.rows, this.#at.turns);
      for (const part of all.parts) {
        b.storeKeys(part.cache.layers[index]!, this.#at.k + part.row * this.#keyRowBytes, part.slot, part.rows);
      }
    } else if (all.text.rows > 0) {
      this.#normalizeText(x, attnNorm, all, attnQ, attnK);
      this.#keys(attnK, all.text.rows, this.#at.textTurns);
      for (const { cache, text, textSlot } of all.parts) {
        b.storeKeys(
          cache.layers[index]!.textKeys!,
          this.#at.k + text.first * this.#keyRowBytes,
          textSlot,
          text.rows,
        );
      }
    }
  }

  /**
   * Adds to rows of `x` what they attend to. Follows `store` of the same layer, and reads what that has normalized where it
   * can.
   */
  add(x: number, index: number, all: Run, run: Run): void {
    const b = this.#backend;
    const c = this.#config;
    const w = this.#layers[index]!;
    const { attended, input, scratch } = this.#at;
    const queries = this.#queries(x, index, all, run);
    const kept = this.#probabilities(index, all, run);
    let probabilities = kept;
    for (const part of run.parts) {
      const offset = (part.row - run.row) * this.#queryRowBytes;
      const kv = part.cache.layers[index]!;
      const texts = part.textSlot + part.text.rows;
      b.attention(
        ...[attended + offset, queries + offset, kv, scratch, part.rows, c.heads, part.slot, true] as const,
        ...[probabilities, kept !== 0 && !w.attnQ, part.cache.textSlots, texts] as const,
      );
      if (kept !== 0) probabilities += this.#probabilitiesOf(part) * 4;
    }
    if (this.#record) this.#keepRecord(this.#record, index, run.parts[0]!);
    linear(b, x + run.row * c.width * 4, attended, input.quantized, w.attnOutput, 0, run.rows, Epilogue.add);
  }

  /** Of rows that `store` or this normalizes, turned; returns the address of the run's. */
  #queries(x: number, index: number, all: Run, run: Run): number {
    const { attnQ, attnNorm } = this.#layers[index]!;
    const { q, turns } = this.#at;
    const cached = q + run.row * this.#queryRowBytes;
    if (!attnQ) return cached;
    if (!sharesVisualKeys(this.#plan, index)) {
      if (run.rows < all.rows) this.#normalize(x, attnNorm, run, attnQ);
      this.#makeQueries(q, attnQ, run.rows, turns + run.row * this.#config.headWidth * 4);
      return q;
    }
    if (run.text.rows === 0) return cached;
    if (run.rows < all.rows) this.#normalizeText(x, attnNorm, run, attnQ);
    const { first, rows } = run.text;
    const textTurns = this.#at.textTurns + first * this.#config.headWidth * 4;
    if (this.#isStretch(run)) {
      this.#makeQueries(q + this.#textRows[first]! * this.#queryRowBytes, attnQ, rows, textTurns);
      return cached;
    }
    const { attended } = this.#at;
    this.#makeQueries(attended, attnQ, rows, textTurns);
    for (let i = 0; i < rows; i++) {
      const [to, from] = [this.#textRows[first + i]!, i].map((row) => row * this.#queryRowBytes) as [number, number];
      this.#backend.copy(q + to, attended + from, this.#queryRowBytes);
    }
    return cached;
  }

  #normalize(x: number, weight: number, { row, rows }: Run, ...matrices: readonly [Matrix, ...Matrix[]]): void {
    const { width, eps } = this.#config;
    rmsNormFor(this.#backend, this.#at.input, x + row * width * 4, weight, rows, eps, ...matrices);
  }

  /** Normalizes the text rows alone, one after another. */
  #normalizeText(x: number, weight: number, run: Run, ...matrices: readonly [Matrix, ...Matrix[]]): void {
    const { width, eps } = this.#config;
    const { gate, input } = this.#at;
    const { first, rows } = run.text;
    let at = x + this.#textRows[first]! * width * 4;
    if (!this.#isStretch(run)) {
      for (let i = 0; i < rows; i++) {
        this.#backend.copy(gate + i * width * 4, x + this.#textRows[first + i]! * width * 4, width * 4);
      }
      at = gate;
    }
    rmsNormFor(this.#backend, input, at, weight, rows, eps, ...matrices);
  }

  /** True if no visual row lies among the run's text rows. */
  #isStretch({ text: { first, rows } }: Run): boolean {
    return this.#textRows[first + rows - 1]! - this.#textRows[first]! === rows - 1;
  }

  #makeQueries(dst: number, attnQ: Matrix, rows: number, turns: number): void {
    const { heads, headWidth } = this.#config;
    const { input } = this.#at;
    this.#backend.linear(dst, input.floats, input.quantized, attnQ, 0, rows, Epilogue.store);
    this.#backend.rope(dst, turns, rows, heads, headWidth, heads * headWidth);
  }

  #keys(attnK: Matrix, rows: number, turns: number): void {
    const { kvHeads, headWidth } = this.#config;
    const { input, k } = this.#at;
    this.#backend.linear(k, input.floats, input.quantized, attnK, 0, rows, Epilogue.store);
    this.#backend.rope(k, turns, rows, kvHeads, headWidth, kvHeads * headWidth);
  }

  /**
   * Where the run's probabilities are kept, or 0 if they are not: outside lazy blocks, without room, or for a run that leaves
   * out rows which the anchor had.
   */
  #probabilities(index: number, all: Run, run: Run): number {
    if (this.#record) return this.#record.probabilities;
    const next = this.#layers[index + 1];
    const inBlock = !this.#layers[index]!.attnQ || (next !== undefined && !next.attnQ);
    if (!this.#kept || !inBlock || run.rows < all.rows) return 0;
    const needed = run.parts.reduce((sum, part) => sum + this.#probabilitiesOf(part), 0);
    return needed <= this.#kept.elements ? this.#kept.address : 0;
  }

  #probabilitiesOf({ rows, slot }: Part): number {
    const { heads, kvHeads } = this.#config;
    return this.#backend.attentionProbabilities(rows, heads, kvHeads, slot + rows);
  }

  #keepRecord({ probabilities, weights }: AttentionRecord, index: number, { rows, slot }: Part): void {
    const { heads, kvHeads } = this.#config;
    const bytes = heads * (slot + rows) * 4;
    const at = weights + index * bytes;
    this.#backend.clear(at, bytes);
    this.#backend.attentionReceived(at, probabilities, rows, heads, kvHeads, slot, true);
  }

  /** Cosine and sine of position * base^(-2i / head width), in f32 steps as the reference computes them. */
  #writeTurns(address: number, positions: readonly number[]): void {
    const turns = new Float32Array(positions.length * this.#config.headWidth);
    let at = 0;
    for (const position of positions) {
      // by index: an iterator makes an object for each
      for (let i = 0; i < this.#inverseFrequencies.length; i++) {
        const angle = Math.fround(position * this.#inverseFrequencies[i]!);
        turns[at++] = Math.cos(angle);
        turns[at++] = Math.sin(angle);
      }
    }
    if (at > 0) this.#backend.write(address, turns);
  }

  get #queryRowBytes(): number {
    return this.#config.heads * this.#config.headWidth * 4;
  }

  get #keyRowBytes(): number {
    return this.#config.kvHeads * this.#config.headWidth * 4;
  }
}
