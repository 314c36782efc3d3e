/**
 * Visual-token selection: some of a tile's image tokens go on to the decoder, at the places they had, and the rest is
 * merged into them.
 *
 * What is kept is told by the attention that a token receives in the encoder's last layers, as in Yang et al. 2024,
 * "VisionZip: Longer is Better but Not Necessary in Vision Language Models" (arXiv 2412.04467), and Shang et al. 2024,
 * "LLaVA-PruMerge: Adaptive Token Reduction for Efficient Large Multimodal Models" (arXiv 2403.15388). Merging the rest
 * into the most similar of those that stay follows the latter and Bolya et al. 2023, "Token Merging: Your ViT But Faster"
 * (arXiv 2210.09461); here the mean has equal weights.
 */
import { LorisError } from "../errors.ts";
import { type RandomNumbers, randomSubset } from "./random_subset.ts";

/** Image tokens of a tile to keep, or that and how they are chosen. */
export type VisualTokensOption = number | {
  /** Image tokens of a tile that stay: from 1 to as many as the model makes of a tile. */
  readonly keep: number;
  /** "attention", the default: those that receive the most in the encoder's last layers. "random": a control. */
  readonly by?: "attention" | "random";
  /** What the random choice follows from, a whole number from 0 to 2^53 - 1; 0 if left out. */
  readonly seed?: number;
  /** False: the others are dropped, and not merged into those that stay. */
  readonly merge?: boolean;
};

/** A {@link VisualTokensOption} with nothing left open. */
export interface VisualSelection {
  readonly keep: number;
  readonly by: "attention" | "random";
  readonly merge: boolean;
  /** What the random choices of a prompt follow from: the same numbers at each call. */
  random(): RandomNumbers;
}

/** All ways to choose, in the order in which messages name them. */
const WAYS: readonly unknown[] = ["attention", "random"];

/**
 * What an option asks for; undefined if every token stays, for then nothing is to be chosen.
 *
 * @param tokens Image tokens that the model makes of a tile.
 * @param seeded Makes the random numbers of a seed.
 * @throws {LorisError} `argument_invalid` (param `visualTokens`) for what is no option, or keeps none or too many.
 */
export function visualSelection(
  option: VisualTokensOption | undefined,
  tokens: number,
  seeded: (seed: number) => RandomNumbers,
): VisualSelection | undefined {
  if (option === undefined) return undefined;
  if (typeof option !== "number" && (typeof option !== "object" || option === null)) {
    invalid(`is ${shown(option)}, it must be a number of tokens or { keep, by, seed, merge }`);
  }
  const { keep, by = "attention", seed = 0, merge = true } = typeof option === "number" ? { keep: option } : option;
  if (!Number.isInteger(keep) || keep < 1 || keep > tokens) {
    invalid(
      `is ${shown(keep)}, it must be a whole number from 1 to ${tokens}, the image tokens of a tile of this model`,
    );
  }
  if (!WAYS.includes(by)) invalid(`has by ${shown(by)}, it must be "attention" or "random"`);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    invalid(`has the seed ${shown(seed)}, it must be a whole number from 0 to 2^53 - 1`);
  }
  if (typeof merge !== "boolean") invalid(`has merge ${shown(merge)}, it must be true or false`);
  return keep === tokens ? undefined : { keep, by, merge, random: () => seeded(seed) };
}

/**
 * Indices of the tokens with the most importance, ascending; of equally important ones the earlier.
 *
 * @param importance f32 [tokens].
 * @param keep From 1 to the number of tokens.
 * @throws {LorisError} `non_finite` if an importance is NaN or infinite.
 */
export function mostImportant(importance: Float32Array, keep: number): number[] {
  const wrong = importance.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new LorisError(
      "non_finite",
      `the encoder gave image token ${wrong} the attention ${importance[wrong]}; the vision file is damaged, or the ` +
        "weights are held in too few bits",
    );
  }
  return Array.from(importance, (value, index) => ({ value, index }))
    .sort((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, keep)
    .map(({ index }) => index)
    .sort((a, b) => a - b);
}

/** A control: `keep` of `tokens` indices, ascending, every choice as likely; the same numbers give the same choice. */
export function randomTokens(tokens: number, keep: number, random: RandomNumbers): number[] {
  const indices = Array.from({ length: tokens }, (_, i) => i);
  return randomSubset(indices, keep, random).sort((a, b) => a - b);
}

/**
 * Moves the kept rows to the front, in place and in order; what lies behind them is of no use after.
 *
 * @param rows f32 [tokens, width].
 * @param kept Ascending indices, at least one.
 * @param merge True: every other row goes to the kept one with the largest cosine similarity (of equal ones the first; a row
 * of zeros is as similar to all), and a kept row becomes the mean of itself and what went to it.
 */
export function keepRows(rows: Float32Array, width: number, kept: readonly number[], merge: boolean): void {
  if (merge) mergeOthers(rows, width, kept);
  // a kept row never moves back, so none is overwritten before it has moved
  for (const [to, from] of kept.entries()) rows.copyWithin(to * width, from * width, (from + 1) * width);
}

/**
 * Brings the tokens that stay to the front of a tile's rows, the others merged into them if the selection says so.
 *
 * @param rows f32 [tokens, width], changed in place.
 * @param importance f32 [tokens]; not read if the choice is random.
 * @param random Of the prompt: `selection.random()`.
 * @returns the places that those which stay had, ascending.
 * @throws {LorisError} `non_finite` as {@link mostImportant}.
 */
export function selectTokens(
  rows: Float32Array,
  width: number,
  { keep, by, merge }: VisualSelection,
  importance: Float32Array | undefined,
  random: RandomNumbers,
): number[] {
  const kept = by === "random" ? randomTokens(rows.length / width, keep, random) : mostImportant(importance!, keep);
  keepRows(rows, width, kept, merge);
  return kept;
}

function mergeOthers(rows: Float32Array, width: number, kept: readonly number[]): void {
  const tokens = rows.length / width;
  const row = (index: number) => rows.subarray(index * width, (index + 1) * width);
  const lengths = kept.map((index) => Math.sqrt(dot(row(index), row(index))));
  const stays = new Set(kept);
  // all are compared before any is changed
  const others = new Map<number, number[]>();
  for (let index = 0; index < tokens; index++) {
    if (stays.has(index)) continue;
    const similarity = (i: number) => lengths[i] === 0 ? 0 : dot(row(index), row(kept[i]!)) / lengths[i]!;
    let [best, most] = [0, similarity(0)];
    for (let i = 1; i < kept.length; i++) {
      const now = similarity(i);
      if (now > most) [best, most] = [i, now];
    }
    const nearest = kept[best]!;
    others.set(nearest, [...(others.get(nearest) ?? []), index]);
  }
  for (const [to, from] of others) {
    const mean = row(to);
    for (let i = 0; i < width; i++) {
      const sum = from.reduce((sum, index) => sum + rows[index * width + i]!, mean[i]!);
      mean[i] = sum / (from.length + 1);
    }
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}

function invalid(message: string): never {
  throw new LorisError("argument_invalid", `visualTokens ${message}`, { param: "visualTokens" });
}
