/**
 * How much attention differs from layer to layer: the measure that plans of Lazy Attention are made by.
 *
 * @module
 */
import { LorisError } from "../errors.ts";

/** f32 rows of a softmax miss a sum of 1 by rounding alone, far less than this; what misses it by more is something else. */
const SUM_TOLERANCE = 1e-3;

/**
 * Jensen-Shannon divergence of two probability vectors, in nats: JSD(p, q) = (KL(p, m) + KL(q, m)) / 2 with
 * m = (p + q) / 2 and KL(p, m) = sum p ln(p / m), 0 ln 0 = 0. From 0 (equal) to ln 2 (nothing in common). Each vector is
 * divided by its sum first, so that rounding in it is not taken for a difference.
 *
 * Source: Lin 1991, "Divergence Measures Based on the Shannon Entropy", with natural logarithms and equal weights.
 *
 * @throws {LorisError} `argument_invalid` for vectors of differing or no length, or that are no probabilities (negative,
 * not finite, or with a sum that is not 1 within 1e-3).
 */
export function jensenShannon(p: ArrayLike<number>, q: ArrayLike<number>): number {
  if (p.length !== q.length || p.length === 0) {
    throw invalid(
      `vectors of ${p.length} and ${q.length} probabilities cannot be compared: wanted is one length, over 0`,
    );
  }
  return divergence(p, checkedSum(p, "the first vector"), q, checkedSum(q, "the second vector"));
}

/** Attention weights of one query position in every layer: after the softmax, `[layers][heads][positions]`. */
export interface AttentionRows {
  /** Each row of `positions` weights sums to 1. */
  readonly weights: Float32Array;
  /** Of the decoder; at least 2. */
  readonly layers: number;
  /** Of queries, in each layer. */
  readonly heads: number;
  /** Of the prompt, up to and with the one that asks. */
  readonly positions: number;
}

/** How much attention differs from layer to layer, in nats; entry i is of layer i + 1 against layer i. */
export interface DivergenceProfile {
  /** Over all positions. */
  readonly all: readonly number[];
  /** Over the visual positions alone, each head's weights on them divided by their sum. */
  readonly visual: readonly number[];
}

/**
 * Jensen-Shannon divergence of each layer's attention from the layer before, head by head (as attention would be shared),
 * then the mean over heads.
 *
 * @param visual Indices of the visual positions, ascending; at least one.
 * @throws {LorisError} `argument_invalid` if sizes or indices do not fit, a row is no probability vector, or a head gives
 * no weight at all to the visual positions, for then it has no visual part to compare.
 */
export function divergenceProfile(attention: AttentionRows, visual: readonly number[]): DivergenceProfile {
  const { weights, layers, heads, positions } = attention;
  checkSizes(attention);
  checkVisual(visual, positions);
  const all = new Array<number>(layers - 1).fill(0);
  const visualPart = new Array<number>(layers - 1).fill(0);
  for (let head = 0; head < heads; head++) {
    let before: { row: Float32Array; sum: number; seen: Float32Array; seenSum: number } | undefined;
    for (let layer = 0; layer < layers; layer++) {
      const start = (layer * heads + head) * positions;
      const row = weights.subarray(start, start + positions);
      const where = `attention of layer ${layer}, head ${head}`;
      const seen = Float32Array.from(visual, (position) => row[position]!);
      const now = { row, sum: checkedSum(row, where), seen, seenSum: seen.reduce((sum, weight) => sum + weight, 0) };
      if (now.seenSum === 0) throw invalid(`${where}: no weight at all on the ${visual.length} visual positions`);
      if (before) {
        all[layer - 1]! += divergence(before.row, before.sum, now.row, now.sum) / heads;
        visualPart[layer - 1]! += divergence(before.seen, before.seenSum, now.seen, now.seenSum) / heads;
      }
      before = now;
    }
  }
  return { all, visual: visualPart };
}

/** The mean of profiles, picture by picture. */
export class MeanProfile {
  #all: number[] = [];
  #visual: number[] = [];
  #pictures = 0;

  /** Profiles added so far. */
  get pictures(): number {
    return this.#pictures;
  }

  /** Adds one picture's. @throws {LorisError} `argument_invalid` if it is of another number of layers than those before. */
  add({ all, visual }: DivergenceProfile): void {
    if (this.#pictures === 0) {
      this.#all = all.map(() => 0);
      this.#visual = visual.map(() => 0);
    }
    if (all.length !== this.#all.length || visual.length !== this.#visual.length) {
      throw invalid(`a profile of ${all.length + 1} layers came after profiles of ${this.#all.length + 1}`);
    }
    for (const [i, value] of all.entries()) this.#all[i]! += value;
    for (const [i, value] of visual.entries()) this.#visual[i]! += value;
    this.#pictures++;
  }

  /** Of what was added so far. @throws {LorisError} `argument_invalid` before the first `add`. */
  mean(): DivergenceProfile {
    if (this.#pictures === 0) throw invalid("there is no mean of no pictures; add a profile first");
    const mean = (sums: readonly number[]) => sums.map((sum) => sum / this.#pictures);
    return { all: mean(this.#all), visual: mean(this.#visual) };
  }
}

function divergence(p: ArrayLike<number>, pSum: number, q: ArrayLike<number>, qSum: number): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [p[i]! / pSum, q[i]! / qSum];
    if (a > 0) sum += a * Math.log(2 * a / (a + b));
    if (b > 0) sum += b * Math.log(2 * b / (a + b));
  }
  // of nearly equal vectors the terms cancel down to their rounding, which may be below 0
  return Math.max(0, sum / 2);
}

function checkedSum(vector: ArrayLike<number>, what: string): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) {
    const value = vector[i]!;
    if (!(value >= 0 && value < Infinity)) throw invalid(`${what}: entry ${i} is ${value}, which is no probability`);
    sum += value;
  }
  if (!(Math.abs(sum - 1) <= SUM_TOLERANCE)) throw invalid(`${what}: the sum is ${sum}, probabilities have the sum 1`);
  return sum;
}

function checkSizes({ weights, layers, heads, positions }: AttentionRows): void {
  const whole = [layers, heads, positions].every((n) => Number.isSafeInteger(n) && n > 0);
  if (whole && layers > 1 && weights.length === layers * heads * positions) return;
  throw invalid(
    `${weights.length} attention weights are not those of ${layers} layers x ${heads} heads x ${positions} positions, ` +
      "with 2 layers or more",
  );
}

function checkVisual(visual: readonly number[], positions: number): void {
  if (visual.length === 0) throw invalid("no visual position is given; the profile needs a prompt with a picture");
  for (const [i, position] of visual.entries()) {
    const ascends = Number.isInteger(position) && position > (visual[i - 1] ?? -1) && position < positions;
    if (!ascends) {
      throw invalid(`visual position ${i} is ${position}: wanted are ascending indices below ${positions}`);
    }
  }
}

function invalid(message: string): LorisError {
  return new LorisError("argument_invalid", message, { param: "attention" });
}
