/** Pictures a second under a fixed memory budget: smaller caches let more conversations decode together. */
import type { LazyPlan } from "../../../sdk/lazy/plan.ts";
import type { KvType } from "../../../sdk/model/assemble.ts";
import { median } from "../measure.ts";
import { conversationsIn, type Rates, ratesOf } from "./budget.ts";
import type { Lab, Setting, Slots } from "./lab.ts";
import { promptPieces, visualPositions } from "./prompt.ts";
import type { NamedPlan } from "./shares.ts";
import { orderOf } from "./turns.ts";

/** One combination of switches. */
export interface Combination {
  readonly plan: NamedPlan;
  readonly kv: KvType;
  /** Image tokens that are kept of each tile. */
  readonly kept: number;
}

/** One combination under the budget. */
export interface ThroughputRow {
  readonly plan: string;
  readonly kv: KvType;
  readonly imageTokens: number;
  readonly answerTokens: number;
  readonly kvBytes: number;
  readonly fixedBytes: number;
  readonly conversations: number;
  readonly prefillMs: number;
  readonly stepMs: number;
  readonly rates: Rates;
  /** The first combination's rates with answers of this length are 1. */
  readonly gains: Rates;
}

/** All combinations of one model and prompt. */
export interface ThroughputTable {
  readonly what: string;
  readonly budgetBytes: number;
  readonly tiles: number;
  readonly encodeMs: number;
  readonly encodeSelectingMs: number;
  readonly rounds: number;
  readonly rows: readonly ThroughputRow[];
}

/** What is measured on. */
export interface ThroughputCase {
  readonly what: string;
  readonly tiles: number;
  readonly budgetBytes: number;
  readonly answers: readonly number[];
  /** The first one is what the others are compared with. */
  readonly combinations: readonly Combination[];
  /** One tile's image tokens, f32 [tokens, width]. */
  readonly tokens: Float32Array;
  readonly encodeTileMs: number;
  /** With the measuring of which tokens are to be kept. */
  readonly encodeTileSelectingMs: number;
  readonly rounds: number;
}

/** Decode steps of a round. */
const STEPS = 3;

/** Every plan, with both types of cache, with all image tokens, a half and a quarter of them. */
export function combinationsOf(plans: readonly NamedPlan[], tileTokens: number): Combination[] {
  return [1, 2, 4].flatMap((part) =>
    (["f16", "q8"] as const).flatMap((kv) => plans.map((plan) => ({ plan, kv, kept: tileTokens / part })))
  );
}

/** `kept` of a tile's tokens, spread evenly: which ones are kept does not change the time. */
export function keptTokens(tokens: Float32Array, tileTokens: number, kept: number) {
  const width = tokens.length / tileTokens;
  const positions = Array.from({ length: kept }, (_, i) => Math.floor(i * tileTokens / kept));
  const rows = new Float32Array(kept * width);
  for (const [i, at] of positions.entries()) rows.set(tokens.subarray(at * width, (at + 1) * width), i * width);
  return { rows, positions, span: tileTokens };
}

interface Point {
  readonly combination: Combination;
  readonly answerTokens: number;
  readonly visual: readonly boolean[];
  readonly kvBytes: number;
  readonly fixedBytes: number;
  readonly conversations: number;
  readonly prefill: number[];
  readonly step: number[];
}

export async function measureThroughput(lab: Lab, wanted: ThroughputCase): Promise<ThroughputTable> {
  const { answers, combinations, rounds, tiles } = wanted;
  const points = answers.flatMap((answerTokens) => combinations.map((c) => pointOf(lab, wanted, c, answerTokens)));
  // the first round is for the engine to compile what is hot
  for (let round = -1; round < rounds; round++) {
    for (const i of orderOf(points.length, round + 1)) await measurePoint(lab, wanted, points[i]!, round >= 0);
  }
  const encode = (point: Point) =>
    tiles * (point.combination.kept < lab.tileTokens ? wanted.encodeTileSelectingMs : wanted.encodeTileMs);
  const rows = points.map((point): Omit<ThroughputRow, "gains"> => {
    const { combination: { plan, kv }, answerTokens, conversations, kvBytes, fixedBytes } = point;
    const [prefillMs, stepMs] = [median(point.prefill), median(point.step)];
    return {
      ...{ plan: plan.name, kv, imageTokens: point.visual.filter(Boolean).length, answerTokens },
      ...{ kvBytes, fixedBytes, conversations, prefillMs, stepMs },
      rates: ratesOf({ conversations, encodeMs: encode(point), prefillMs, stepMs, answerTokens }),
    };
  });
  return {
    ...{ what: wanted.what, budgetBytes: wanted.budgetBytes, tiles, rounds },
    encodeMs: tiles * wanted.encodeTileMs,
    encodeSelectingMs: tiles * wanted.encodeTileSelectingMs,
    rows: withGains(rows),
  };
}

/** Adds how many times the rates of the first row with as long answers each row has. */
export function withGains(rows: readonly Omit<ThroughputRow, "gains">[]): ThroughputRow[] {
  return rows.map((row) => {
    const base = rows.find(({ answerTokens }) => answerTokens === row.answerTokens)!.rates;
    const gain = (key: keyof Rates) => row.rates[key] / base[key];
    const gains = { pipeline: gain("pipeline"), language: gain("language"), decodeTokens: gain("decodeTokens") };
    return { ...row, gains };
  });
}

const settingOf = ({ plan, kv }: Combination): Setting => ({ lazy: plan.lazy as LazyPlan, kv });

function slotsOf({ combination, visual, answerTokens }: Pick<Point, "combination" | "visual" | "answerTokens">): Slots {
  // the answer's last token is drawn, and never becomes a row
  const all = visual.length + answerTokens - 1;
  return { all, text: all - visual.filter(Boolean).length, perTile: combination.kept };
}

function pointOf(lab: Lab, wanted: ThroughputCase, combination: Combination, answerTokens: number): Point {
  const visual = visualPositions(wanted.tiles, combination.kept);
  const { kvBytes, fixedBytes } = lab.planned(settingOf(combination), slotsOf({ combination, visual, answerTokens }));
  const conversations = conversationsIn({ budgetBytes: wanted.budgetBytes, fixedBytes, kvBytes });
  return { combination, answerTokens, visual, kvBytes, fixedBytes, conversations, prefill: [], step: [] };
}

async function measurePoint(lab: Lab, wanted: ThroughputCase, point: Point, counted: boolean): Promise<void> {
  const { combination, answerTokens, visual, conversations } = point;
  const setting = settingOf(combination);
  const { vlm, cache } = lab.under(setting);
  const tokens = keptTokens(wanted.tokens, lab.tileTokens, combination.kept);
  const prompt = promptPieces(wanted.tiles, lab.config.vocabulary, tokens);
  const begun = lab.clock();
  await vlm.prefill(cache, prompt);
  if (counted) point.prefill.push(lab.clock() - begun);
  // half of the answer is there: the middle of what a step finds
  const filled = [...visual, ...new Array<boolean>(answerTokens >> 1).fill(false)];
  const batch = lab.batch(setting, slotsOf(point), filled, conversations);
  for (let step = 0; step < STEPS; step++) {
    const started = lab.clock();
    await batch.step();
    if (counted) point.step.push(lab.clock() - started);
  }
}
