import { type Backend, Epilogue, type Matrix, type Product } from "../backend/backend.ts";
import { type LazyPlan, sharesVisualKeys } from "../lazy/plan.ts";
import type { LanguageConfig } from "./config.ts";
import type { LanguageBuffers } from "./language_layout.ts";
import { linear } from "./linear.ts";
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

  /**
   * Adds the keys and values of all rows of `x` to the caches, as far as the layer has its own.
   *
   * @param queries Whether all rows' queries are made along with them, for an `add` of all rows.
   */
  store(x: number, index: number, all: Run, queries: boolean): void {
    const b = this.#backend;
    const { attnV, attnK, attnQ, attnNorm } = this.#layers[index]!;
    const { q, k, v, turns } = this.#at;
    const values = { dst: v, matrix: attnV };
    if (attnQ && attnK && !sharesVisualKeys(this.#plan, index)) {
      const keys = { dst: k, matrix: attnK };
      const asked = queries ? { dst: q, matrix: attnQ } : undefined;
      const [one, ...others] = all.parts;
      if (others.length === 0) {
        const { eps } = this.#config;
        const products = { queries: asked, keys, values };
        const { cache, slot, rows } = one!;
        b.projectAndStore(cache.layers[index]!, products, x, attnNorm, this.#at.input, turns, slot, rows, eps);
        return;
      }
      this.#project([values, keys, ...asked ? [asked] : []], x, index, all);
      for (const { cache, row, rows, slot } of all.parts) {
        const [query, key] = [queries ? q + row * this.#queryRowBytes : 0, row * this.#keyRowBytes];
        const turned = turns + row * this.#turnRowBytes;
        b.turnAndStore(cache.layers[index]!, query, k + key, v + key, turned, slot, rows, this.#config.heads);
      }
      return;
    }
    this.#project([values], x, index, all);
    for (const { cache, row, rows, slot } of all.parts) {
      b.storeValues(cache.layers[index]!, v + row * this.#keyRowBytes, slot, rows);
    }
    // the keys of a lazy layer are its anchor's, which stored them
    if (!attnQ || !attnK || all.text.rows === 0) return;
    this.#projectText(x, index, all, true, queries);
    for (const { cache, text, textSlot } of all.parts) {
      b.storeKeys(cache.layers[index]!.textKeys!, k + text.first * this.#keyRowBytes, textSlot, text.rows);
    }
  }

  /**
   * Adds to rows of `x` what they attend to. Follows `store` of the same layer, which makes the queries if all rows attend.
   */
  add(x: number, index: number, all: Run, run: Run): void {
    const b = this.#backend;
    const c = this.#config;
    const w = this.#layers[index]!;
    const { attended, input, scratch } = this.#at;
    const queries = this.#queries(x, index, all, run);
    const kept = this.#probabilities(index, all, run);
    let probabilities = kept;
    const given = kept !== 0 && !w.attnQ;
    for (const part of run.parts) {
      const { cache: { layers, textSlots }, rows, slot } = part;
      const offset = (part.row - run.row) * this.#queryRowBytes;
      const [to, from, kv] = [attended + offset, queries + offset, layers[index]!];
      const texts = part.textSlot + part.text.rows;
      b.attention(to, from, kv, scratch, rows, c.heads, slot, true, probabilities, given, textSlots, texts);
      if (kept !== 0) probabilities += this.#probabilitiesOf(part) * 4;
    }
    if (this.#record) this.#keepRecord(this.#record, index, run.parts[0]!);
    linear(b, x + run.row * c.width * 4, attended, input.quantized, w.attnOutput, 0, run.rows, Epilogue.add);
  }

  /** Address of the run's queries, turned; they are made here if `store` has not made them. */
  #queries(x: number, index: number, all: Run, run: Run): number {
    const { attnQ } = this.#layers[index]!;
    const { q, turns } = this.#at;
    const cached = q + run.row * this.#queryRowBytes;
    if (!attnQ || run.rows === all.rows) return cached;
    if (sharesVisualKeys(this.#plan, index)) {
      if (run.text.rows > 0) this.#projectText(x, index, run, false, true);
      return cached;
    }
    const { heads, headWidth } = this.#config;
    this.#project([{ dst: q, matrix: attnQ }], x, index, run);
    this.#backend.rope(q, turns + run.row * this.#turnRowBytes, run.rows, heads, headWidth, heads * headWidth);
    return q;
  }

  #project(products: readonly Product[], x: number, index: number, { row, rows }: Run): void {
    const { width, eps } = this.#config;
    const { attnNorm } = this.#layers[index]!;
    this.#backend.rmsNormLinear(products, x + row * width * 4, attnNorm, this.#at.input, rows, eps);
  }

  /** Of a run's text rows alone: keys, one after another, or queries, at their places among all rows', or both; turned. */
  #projectText(x: number, index: number, run: Run, keys: boolean, queries: boolean): void {
    const b = this.#backend;
    const { heads, kvHeads, headWidth, width, eps } = this.#config;
    const { attnQ, attnK, attnNorm } = this.#layers[index]!;
    const { q, k, attended, gate, input } = this.#at;
    const { first, rows } = run.text;
    const places = this.#textRows.slice(first, first + rows);
    // no visual row lies among them
    const stretch = places.at(-1)! - places[0]! === rows - 1;
    if (!stretch) places.forEach((place, i) => b.copy(gate + i * width * 4, x + place * width * 4, width * 4));
    const from = stretch ? x + places[0]! * width * 4 : gate;
    const made = stretch ? q + places[0]! * this.#queryRowBytes : attended;
    const products = [
      ...keys ? [{ dst: k, matrix: attnK! }] : [],
      ...queries ? [{ dst: made, matrix: attnQ! }] : [],
    ];
    b.rmsNormLinear(products, from, attnNorm, input, rows, eps);
    const turns = this.#at.textTurns + first * this.#turnRowBytes;
    if (keys) b.rope(k, turns, rows, kvHeads, headWidth, kvHeads * headWidth);
    if (!queries) return;
    b.rope(made, turns, rows, heads, headWidth, heads * headWidth);
    const bytes = this.#queryRowBytes;
    if (!stretch) places.forEach((place, i) => b.copy(q + place * bytes, attended + i * bytes, bytes));
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

  get #turnRowBytes(): number {
    return this.#config.headWidth * 4;
  }

  get #keyRowBytes(): number {
    return this.#config.kvHeads * this.#config.headWidth * 4;
  }
}
