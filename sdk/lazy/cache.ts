import { KvFormat, type KvLayer, kvLayerBytes } from "../backend/backend.ts";
import { densePlan, type LazyPlan, sharesKeys } from "./plan.ts";
import type { MemoryPlan } from "../memory/plan.ts";

/** What a cache's size depends on. */
export interface CacheShape {
  readonly layers: number;
  readonly kvHeads: number;
  readonly headWidth: number;
}

/** One conversation's keys and values: a place per layer, made once, and how many positions of it are filled. */
export class KvCache {
  readonly layers: readonly KvLayer[];
  /** Positions there is room for. */
  readonly capacity: number;
  /** Positions that hold keys and values. */
  length = 0;

  /** @param lazy Layers that take their keys from an anchor have a place for values alone. */
  constructor(plan: MemoryPlan, shape: CacheShape, contextTokens: number, lazy: LazyPlan = densePlan(shape.layers)) {
    this.capacity = Math.ceil(contextTokens / 8) * 8;
    const { kvHeads: heads, headWidth } = shape;
    const format = KvFormat.f16;
    const bytes = kvLayerBytes(heads, headWidth, this.capacity, format);
    const layers: KvLayer[] = [];
    for (let layer = 0; layer < shape.layers; layer++) {
      layers.push({
        keys: sharesKeys(lazy, layer) ? layers[lazy.anchor[layer]!]!.keys : plan.reserve("kv cache", bytes),
        values: plan.reserve("kv cache", bytes),
        ...{ heads, headWidth, capacity: this.capacity, format },
      });
    }
    this.layers = layers;
  }
}
