/**
 * Search for a plan of Lazy Attention, layer by layer, by any loss.
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import { lazyLayers as lazyLayersOf, type LazyPlan, planKey, planOf } from "./plan.ts";
import { candidateLayers, checkCount, type PlannerOptions } from "./planners.ts";

/** How the greedy search goes. */
export interface GreedyOptions extends PlannerOptions {
  /** Decoder layers of the model. */
  readonly layers: number;
  /** Lazy layers of the last plan. */
  readonly lazyLayers: number;
  /** Losses that are known already, by `planKey`: of a search that was cut short, on the same pictures. */
  readonly known?: ReadonlyMap<string, number>;
  /** Asked before each trial. */
  readonly signal?: AbortSignal;
}

/** What the greedy search has found. */
export interface GreedyEvent {
  /** `trial`: a plan was judged. `step`: it is the best with this many lazy layers; the search goes on from it. */
  readonly kind: "trial" | "step";
  /** What was judged. */
  readonly plan: LazyPlan;
  /** In the unit of the loss function. */
  readonly loss: number;
  /** Whether the loss was known and not measured. */
  readonly wasKnown: boolean;
}

/**
 * Looks for a plan by its loss. From the dense plan on, each step makes that one layer lazy besides which costs the least,
 * tried out one by one; of equal losses the earlier layer. A layer that is lazy stays so. For c candidates and n lazy layers
 * that is n c - n (n - 1) / 2 trials.
 *
 * Gives each trial as it is measured, for a record and to show progress, and each step. Whoever has enough, for instance
 * since a step's loss is too high, stops taking; a new search with the recorded losses as `known` goes on where this one
 * was.
 *
 * @param evaluateLoss A plan's loss, smaller is better.
 * @throws {LorisError} `argument_invalid` for options that do not fit, `non_finite` for a loss that is no number; the
 * signal's reason; and whatever `evaluateLoss` throws.
 */
export async function* greedyPlan(
  evaluateLoss: (plan: LazyPlan) => Promise<number>,
  options: GreedyOptions,
): AsyncGenerator<GreedyEvent, void> {
  const { layers, lazyLayers, mode, known, signal } = options;
  const candidates = candidateLayers(layers, options);
  checkCount(lazyLayers, candidates.length, layers);
  const chosen: number[] = [];
  while (chosen.length < lazyLayers) {
    let best: GreedyEvent | undefined;
    for (const layer of candidates.filter((candidate) => !chosen.includes(candidate))) {
      signal?.throwIfAborted();
      const plan = planOf(layers, [...chosen, layer], mode);
      const recorded = known?.get(planKey(plan));
      const loss = recorded ?? await evaluateLoss(plan);
      if (!Number.isFinite(loss)) {
        throw new LorisError("non_finite", `the loss of the plan ${planKey(plan)} is ${loss}`, { param: "loss" });
      }
      const trial: GreedyEvent = { kind: "trial", plan, loss, wasKnown: recorded !== undefined };
      yield trial;
      if (!best || loss < best.loss) best = trial;
    }
    const lazy = lazyLayersOf(best!.plan);
    chosen.splice(0, chosen.length, ...lazy);
    yield { ...best!, kind: "step" };
  }
}
