/**
 * Plans of Lazy Attention from a divergence profile, or at random.
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import { type LazyMode, type LazyPlan, planOf } from "./plan.ts";
import { type RandomNumbers, randomSubset } from "./random_subset.ts";

export type { RandomNumbers };

/** What every planner is told. */
export interface PlannerOptions {
  /** Of the plan. */
  readonly mode: LazyMode;
  /** Layers before this one stay out; 1 by default, for layer 0 cannot be lazy. */
  readonly firstLazyLayer?: number;
}

/**
 * The plan in which every layer is lazy whose attention diverges from the layer before by less than a threshold: such
 * runs, with the layer before each, are the lazy blocks.
 *
 * @param divergences In nats, entry i of layer i + 1 against layer i, as `divergenceProfile` gives them.
 * @throws {LorisError} `argument_invalid` for divergences or options that are none.
 */
export function thresholdPlan(
  divergences: readonly number[],
  options: PlannerOptions & { readonly threshold: number },
): LazyPlan {
  if (!(options.threshold >= 0)) {
    throw invalid("threshold", `the threshold is ${options.threshold}, wanted is a divergence in nats, 0 or more`);
  }
  const under = ranked(divergences, options).filter(({ divergence }) => divergence < options.threshold);
  return planOf(divergences.length + 1, under.map(({ layer }) => layer), options.mode);
}

/**
 * As {@link thresholdPlan}, at whatever threshold makes just `lazyLayers` layers lazy: those of the smallest divergence,
 * of equal ones the earlier.
 *
 * @throws {LorisError} `argument_invalid` also if there are not as many layers that may be lazy.
 */
export function thresholdPlanForCount(
  divergences: readonly number[],
  options: PlannerOptions & { readonly lazyLayers: number },
): LazyPlan {
  const layers = divergences.length + 1;
  const { lazyLayers } = options;
  const candidates = ranked(divergences, options);
  checkCount(lazyLayers, candidates.length, layers);
  return planOf(layers, candidates.slice(0, lazyLayers).map(({ layer }) => layer), options.mode);
}

/**
 * A control: `lazyLayers` layers chosen at random, every choice as likely.
 *
 * @param options.random Uniform numbers from 0 up to but not including 1; the same numbers give the same plan.
 * @throws {LorisError} `argument_invalid` if there are not as many layers that may be lazy.
 */
export function randomPlan(
  layers: number,
  options: PlannerOptions & { readonly lazyLayers: number; readonly random: RandomNumbers },
): LazyPlan {
  const { lazyLayers, random } = options;
  const candidates = candidateLayers(layers, options);
  checkCount(lazyLayers, candidates.length, layers);
  return planOf(layers, randomSubset(candidates, lazyLayers, random), options.mode);
}

/** The layers that may be lazy, in order. @throws {LorisError} `argument_invalid` if `firstLazyLayer` is none. */
export function candidateLayers(layers: number, { firstLazyLayer = 1 }: PlannerOptions): number[] {
  if (!Number.isInteger(firstLazyLayer) || firstLazyLayer < 1) {
    throw invalid("firstLazyLayer", `the first lazy layer is ${firstLazyLayer}, wanted is a whole number from 1`);
  }
  return Array.from({ length: Math.max(0, layers - firstLazyLayer) }, (_, i) => firstLazyLayer + i);
}

/** Checks a number of lazy layers. @throws {LorisError} `argument_invalid` unless so many of the candidates can be lazy. */
export function checkCount(lazyLayers: number, candidates: number, layers: number): void {
  if (Number.isInteger(lazyLayers) && lazyLayers >= 0 && lazyLayers <= candidates) return;
  const message = `${lazyLayers} lazy layers are wanted; of ${layers} layers 0 to ${candidates} can be`;
  throw invalid("lazyLayers", message);
}

/** The candidates with their divergence, smallest first, of equal ones the earlier. */
function ranked(divergences: readonly number[], options: PlannerOptions): { layer: number; divergence: number }[] {
  const wrong = divergences.findIndex((value) => !(value >= 0 && value < Infinity));
  if (wrong >= 0) {
    const message = `the divergence of layer ${wrong + 1} is ${divergences[wrong]}, wanted is a number from 0`;
    throw invalid("divergences", message);
  }
  return candidateLayers(divergences.length + 1, options)
    .map((layer) => ({ layer, divergence: divergences[layer - 1]! }))
    .sort((a, b) => a.divergence - b.divergence || a.layer - b.layer);
}

function invalid(param: string, message: string): LorisError {
  return new LorisError("argument_invalid", message, { param });
}
