/** The rows of the table of quality: what is switched on in each. */
import { Random } from "../../../sdk/generate/random.ts";
import {
  densePlan,
  LAZY_MODES,
  lazyLayers,
  type LazyMode,
  type LazyPlan,
  lazyPlan,
  planKey,
} from "../../../sdk/lazy/plan.ts";
import { randomPlan } from "../../../sdk/lazy/planners.ts";
import type { KvType } from "../../../sdk/model/assemble.ts";

/** One row. */
export interface TableRow {
  readonly name: string;
  readonly lazy: LazyPlan;
  readonly kv: KvType;
  /** Image tokens that are kept of a tile. */
  readonly kept: number;
}

/** What the rows depend on. */
export interface RowOptions {
  readonly layers: number;
  readonly tileTokens: number;
  /** Text tokens of the prompt. */
  readonly textTokens: number;
  /** The plan that the model carries. */
  readonly own: LazyPlan;
  /** Plans that a planner found, by mode and number of lazy layers. */
  readonly found: ReadonlyMap<string, LazyPlan>;
}

/** Shares of lazy layers that plans are looked for at. */
const SHARES = [0.3, 0.5, 0.7];
const SEED = 1;

/** The key of a found plan. */
export function foundKey(mode: LazyMode, lazy: number): string {
  return `${mode} ${lazy}`;
}

/**
 * Plans of a folder's JSON files that the greedy planner made, as `calibrate` names them: `gla-4-greedy.json`.
 *
 * @param files Name and text of each.
 * @throws {LorisError} `argument_invalid` for what is no plan.
 */
export function foundPlans(files: readonly (readonly [name: string, text: string])[], layers: number) {
  const plans = files.filter(([name]) => name.endsWith("-greedy.json")).map(([, text]) =>
    lazyPlan(JSON.parse(text), layers)
  );
  return new Map(plans.map((plan) => [foundKey(plan.mode, lazyLayers(plan).length), plan]));
}

/** All rows, the dense one first. @throws {RangeError} naming the plans that are not there. */
export function tableRows({ layers, tileTokens, textTokens, own, found }: RowOptions): TableRow[] {
  const counts = SHARES.map((share) => Math.round(share * layers));
  const missing = LAZY_MODES.flatMap((mode) => counts.map((lazy) => foundKey(mode, lazy))).filter((key) =>
    !found.has(key)
  );
  if (missing.length > 0) {
    throw new RangeError(
      `no greedy plan with so many lazy layers: ${missing.join(", ")}; \`deno task calibrate\` makes them`,
    );
  }
  const all = { kv: "f16", kept: tileTokens } as const;
  const half = tileTokens / 2;
  const ownLayers = lazyLayers(own).length;
  const ownIn = (mode: LazyMode) => ({ anchor: own.anchor, mode });
  const random = randomPlan(layers, { mode: "gla", lazyLayers: ownLayers, random: new Random(SEED) });
  return [
    { name: "dense", lazy: densePlan(layers), ...all },
    ...LAZY_MODES.flatMap((mode) =>
      counts.map((lazy) => ({ name: `${mode}, ${lazy} lazy, greedy`, lazy: found.get(foundKey(mode, lazy))!, ...all }))
    ),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, ${ownLayers} lazy, own plan`, lazy: ownIn(mode), ...all })),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, own plan, q8`, lazy: ownIn(mode), ...all, kv: "q8" as const })),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, own plan, ${half} tokens`, lazy: ownIn(mode), ...all, kept: half })),
    { name: `gla, own plan, q8, ${half} tokens`, lazy: ownIn("gla"), kv: "q8", kept: half },
    ...equalMemory(layers, tileTokens, textTokens, ownLayers).map((kept) => ({
      name: `dense, ${kept} tokens (memory of gla, own plan)`,
      ...{ lazy: densePlan(layers), ...all, kept },
    })),
    { name: `gla, ${ownLayers} lazy, random (seed ${SEED})`, lazy: random, ...all },
  ];
}

/**
 * The most image tokens with which a dense prompt's cache is no larger than a GLA plan's of all of them: none or one number.
 *
 * @param lazy Lazy layers of the plan.
 */
export function equalMemory(layers: number, tileTokens: number, textTokens: number, lazy: number): number[] {
  const kept = Math.floor((textTokens + tileTokens) * (2 * layers - lazy) / (2 * layers)) - textTokens;
  return kept >= 1 ? [kept] : [];
}

/** The row as a journal knows it: everything that its answers follow from but the model. */
export function rowKey({ lazy, kv, kept }: TableRow): string {
  return `${planKey(lazy)} ${kv} ${kept}`;
}
