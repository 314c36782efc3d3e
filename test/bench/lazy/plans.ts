/** The plans that times are measured under: time depends on how many layers are lazy, hardly on which. */
import { type LazyMode, type LazyPlan, planOf } from "../../../sdk/lazy/plan.ts";

/** Shares of lazy layers in the tables. */
export const SHARES = [0.3, 0.5, 0.7] as const;

/**
 * A plan whose anchors are spread evenly, so that its lazy blocks are of one length, give or take a layer.
 *
 * @param lazy Number of lazy layers, less than `layers`.
 */
export function spreadPlan(layers: number, lazy: number, mode: LazyMode): LazyPlan {
  const anchors = layers - lazy;
  if (!Number.isInteger(lazy) || lazy < 0 || anchors < 1) {
    throw new RangeError(`${lazy} of ${layers} layers cannot be lazy: 0 to ${layers - 1} can`);
  }
  const anchor = new Set(Array.from({ length: anchors }, (_, i) => Math.floor(i * layers / anchors)));
  const all = Array.from({ length: layers }, (_, layer) => layer);
  return planOf(layers, all.filter((layer) => !anchor.has(layer)), mode);
}

/** As {@link spreadPlan}, with the whole number of lazy layers that is nearest to a share of all. */
export function sharePlan(layers: number, share: number, mode: LazyMode): LazyPlan {
  return spreadPlan(layers, Math.round(share * layers), mode);
}
