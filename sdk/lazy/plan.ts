/**
 * Plans of Lazy Attention: which decoder layers inherit queries and keys, from which layer, and what that saves.
 *
 * @example
 * ```ts
 * import { densePlan, kvElements, planOf } from "loris/lazy/plan";
 *
 * // of 6 layers 2 and 3 follow layer 1, and 5 follows 4
 * const plan = planOf(6, [2, 3, 5], "gla");
 * // 512 tokens, 64 of them visual, in 3 kv heads of width 64
 * const lazy = kvElements(plan, 512, 64, 3 * 64);
 * const dense = kvElements(densePlan(6), 512, 64, 3 * 64);
 * console.log(`${100 * (1 - lazy / dense)} % less`);
 * ```
 *
 * @module
 */
import { LorisError } from "../errors.ts";

/**
 * What a lazy layer takes from its anchor. `gla`: queries and keys of every position. `vla`: those of the visual
 * positions alone. Values are always a layer's own.
 */
export type LazyMode = "gla" | "vla";

/** All modes, in the order in which messages and tables name them. */
export const LAZY_MODES: readonly LazyMode[] = ["gla", "vla"];

/**
 * Which decoder layers inherit attention, and from which layer.
 *
 * `anchor[l]` is the layer whose queries and keys layer `l` uses: `l` itself, or, for a lazy layer, the anchor of the
 * layer before. So lazy layers follow their anchor without a gap, layer 0 is never lazy, and the set of lazy layers says
 * it all.
 */
export interface LazyPlan {
  /** For each decoder layer, from 0. */
  readonly anchor: readonly number[];
  /** What lazy layers inherit. */
  readonly mode: LazyMode;
}

/** An anchor and the lazy layers that follow it, up to and with `last`; at least one. */
export interface LazyBlock {
  /** The layer that makes the block's queries and keys. */
  readonly anchor: number;
  /** Its last lazy layer. */
  readonly last: number;
}

/**
 * A plan from a value that came from outside.
 *
 * @param layers Decoder layers of the model it is for; any number, if not given.
 * @throws {LorisError} `argument_invalid` (param `lazy`) for whatever is no plan, or one for another number of layers.
 */
export function lazyPlan(value: unknown, layers?: number): LazyPlan {
  return planOrFail(value, layers, (message) => {
    throw new LorisError("argument_invalid", `the lazy plan ${message}`, { param: "lazy" });
  });
}

/** As {@link lazyPlan}, for callers that know where the value comes from: `fail` gets what is wrong, and throws. */
export function planOrFail(value: unknown, layers: number | undefined, fail: (message: string) => never): LazyPlan {
  if (typeof value !== "object" || value === null) {
    fail(`must be an object { anchor: number[], mode: "gla" | "vla" }, it is ${shown(value)}`);
  }
  const { anchor, mode } = value as Record<string, unknown>;
  if (!LAZY_MODES.includes(mode as LazyMode)) fail(`must have the mode "gla" or "vla", it has ${shown(mode)}`);
  if (!Array.isArray(anchor) || anchor.length === 0) {
    fail(`must have an array "anchor" with a number for each layer, it has ${shown(anchor)}`);
  }
  if (layers !== undefined && anchor.length !== layers) {
    fail(`has anchors for ${anchor.length} layers, the model has ${layers}; use the plan made for this model`);
  }
  for (let layer = 0; layer < anchor.length; layer++) {
    const got = anchor[layer];
    if (got === layer) continue;
    if (layer === 0) fail(`must make layer 0 its own anchor, it names ${shown(got)}: there is no layer before it`);
    // layers before this one are right already, so this one rule covers order, gaps and anchors of anchors
    if (got !== anchor[layer - 1]) {
      fail(
        `names ${shown(got)} as the anchor of layer ${layer}: possible are ${layer} (not lazy) and ` +
          `${anchor[layer - 1]} (the anchor of layer ${layer - 1}; lazy layers follow their anchor without a gap)`,
      );
    }
  }
  return { anchor: [...anchor], mode: mode as LazyMode };
}

/** The plan in which just these layers are lazy. @throws {LorisError} `argument_invalid` if one cannot be. */
export function planOf(layers: number, lazy: Iterable<number>, mode: LazyMode): LazyPlan {
  checkLayers(layers);
  const set = new Set(lazy);
  for (const layer of set) {
    if (!Number.isInteger(layer) || layer < 1 || layer >= layers) {
      const message = `layer ${layer} cannot be lazy: layers 1 to ${layers - 1} can, each after its anchor`;
      throw new LorisError("argument_invalid", message, { param: "lazy" });
    }
  }
  const anchor: number[] = [];
  for (let layer = 0; layer < layers; layer++) anchor.push(set.has(layer) ? anchor[layer - 1]! : layer);
  return { anchor, mode };
}

/** The plan without a lazy layer. Its mode is of no effect. */
export function densePlan(layers: number): LazyPlan {
  return planOf(layers, [], "gla");
}

/** True if no layer is lazy. */
export function isDense(plan: LazyPlan): boolean {
  return plan.anchor.every((anchor, layer) => anchor === layer);
}

/** True if a layer takes queries and keys of all positions from its anchor, and so has none of its own. */
export function sharesKeys(plan: LazyPlan, layer: number): boolean {
  return plan.mode === "gla" && plan.anchor[layer] !== layer;
}

/** True if a layer takes queries and keys of visual positions from its anchor, and makes those of text itself. */
export function sharesVisualKeys(plan: LazyPlan, layer: number): boolean {
  return plan.mode === "vla" && plan.anchor[layer] !== layer;
}

/** The lazy layers, in order. */
export function lazyLayers(plan: LazyPlan): number[] {
  return plan.anchor.flatMap((anchor, layer) => (anchor === layer ? [] : [layer]));
}

/** The lazy blocks, in order. A layer that is its own anchor and nobody else's is in none. */
export function lazyBlocks(plan: LazyPlan): LazyBlock[] {
  const last = new Map<number, number>();
  for (const layer of lazyLayers(plan)) last.set(plan.anchor[layer]!, layer);
  return [...last].map(([anchor, last]) => ({ anchor, last }));
}

/** The plan in a few characters, the same for equal plans only: `gla:0,1,1,1`. */
export function planKey(plan: LazyPlan): string {
  return `${plan.mode}:${plan.anchor.join(",")}`;
}

/**
 * Elements of keys and values that a cache of `tokens` positions holds under a plan, with N layers of which n are lazy,
 * T positions of which T_v are visual and w elements in a layer's keys of one position: dense 2NTw; `gla` (2N - n)Tw,
 * for a lazy layer keeps values only; `vla` (2NT - nT_v)w, for it keeps no keys of visual positions.
 *
 * @param width kv heads x head width.
 * @throws {LorisError} `argument_invalid` unless 0 <= visualTokens <= tokens, all whole.
 */
export function kvElements(plan: LazyPlan, tokens: number, visualTokens: number, width: number): number {
  const whole = [tokens, visualTokens, width].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole || visualTokens > tokens) {
    const message = `${tokens} tokens, ${visualTokens} of them visual, of width ${width}: ` +
      "wanted are whole numbers from 0, and no more visual tokens than tokens";
    throw new LorisError("argument_invalid", message, { param: "tokens" });
  }
  const shared = lazyLayers(plan).length * (plan.mode === "gla" ? tokens : visualTokens);
  return (2 * plan.anchor.length * tokens - shared) * width;
}

function checkLayers(layers: number): void {
  if (Number.isSafeInteger(layers) && layers > 0) return;
  throw new LorisError("argument_invalid", `${layers} is no number of layers: wanted is a whole number from 1`, {
    param: "layers",
  });
}

/** A value as a message can hold it. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
}
