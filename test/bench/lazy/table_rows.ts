/** The rows of the table of quality: what is switched on in each. */
import {
  densePlan,
  LAZY_MODES,
  lazyLayers,
  type LazyMode,
  type LazyPlan,
  lazyPlan,
  planKey,
} from "../../../sdk/lazy/plan.ts";
import type { KvType } from "../../../sdk/model/assemble.ts";

/** One row. */
export interface TableRow {
  readonly name: string;
  readonly lazy: LazyPlan;
  readonly kv: KvType;
  /** Image tokens that are kept of a tile. */
  readonly kept: number;
}

/** A plan, and the planner that found it. */
export interface FoundPlan {
  readonly planner: string;
  readonly plan: LazyPlan;
}

/** What the rows depend on. */
export interface RowOptions {
  readonly layers: number;
  readonly tileTokens: number;
  /** Text tokens of the prompt. */
  readonly textTokens: number;
  /** The plan that the model carries. */
  readonly own: LazyPlan;
  /** By greedy and random planners. */
  readonly found: readonly FoundPlan[];
}

/** Shares of lazy layers that plans are looked for at. */
const SHARES = [0.3, 0.5, 0.7];

/**
 * Plans of a folder's files, as `calibrate` names them: `gla-4-greedy.json`.
 *
 * @param files Name and text of each.
 * @throws {LorisError} `argument_invalid` for what is no plan.
 */
export function foundPlans(files: readonly (readonly [name: string, text: string])[], layers: number): FoundPlan[] {
  return files.flatMap(([name, text]) => {
    const planner = /^[a-z]+-\d+-(greedy|random-\d+)\.json$/.exec(name)?.[1];
    return planner === undefined ? [] : [{ planner, plan: lazyPlan(JSON.parse(text), layers) }];
  });
}

/** All rows, the dense one first. @throws {RangeError} naming the plans that are not there. */
export function tableRows({ layers, tileTokens, textTokens, own, found }: RowOptions): TableRow[] {
  const all = { kv: "f16", kept: tileTokens } as const;
  const half = tileTokens / 2;
  const ownLayers = lazyLayers(own).length;
  const ownIn = (mode: LazyMode) => ({ anchor: own.anchor, mode });
  return [
    { name: "dense", lazy: densePlan(layers), ...all },
    ...plannedRows(found, layers, own).map((row) => ({ ...row, ...all })),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, ${ownLayers} lazy, own plan`, lazy: ownIn(mode), ...all })),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, own plan, q8`, lazy: ownIn(mode), ...all, kv: "q8" as const })),
    ...LAZY_MODES.map((mode) => ({ name: `${mode}, own plan, ${half} tokens`, lazy: ownIn(mode), ...all, kept: half })),
    { name: `gla, own plan, q8, ${half} tokens`, lazy: ownIn("gla"), kv: "q8", kept: half },
    ...equalMemory(layers, tileTokens, textTokens, ownLayers).map((kept) => ({
      name: `dense, ${kept} tokens (memory of gla, own plan)`,
      ...{ lazy: densePlan(layers), ...all, kept },
    })),
  ];
}

/** The greedy planner's rows, and those of chance with as many lazy layers as the own plan has. */
function plannedRows(found: readonly FoundPlan[], layers: number, own: LazyPlan): Pick<TableRow, "name" | "lazy">[] {
  const ownLayers = lazyLayers(own).length;
  const counts = SHARES.map((share) => Math.round(share * layers));
  const wanted = [
    ...LAZY_MODES.flatMap((mode) => counts.map((count) => ({ mode, count, planner: "greedy" }))),
    { mode: "gla", count: ownLayers, planner: "random" },
  ];
  const matches = wanted.map(({ mode, count, planner }) =>
    found.filter((other) =>
      other.planner.startsWith(planner) && other.plan.mode === mode && lazyLayers(other.plan).length === count &&
      // chance may find the own plan, which has a row
      (planner !== "random" || planKey(other.plan) !== planKey({ ...own, mode: "gla" }))
    )
  );
  const missing = wanted.filter((_, i) => matches[i]!.length === 0);
  if (missing.length > 0) {
    const names = missing.map(({ mode, count, planner }) => `${mode}-${count}-${planner}`).join(", ");
    throw new RangeError(`there is no plan ${names}; \`deno task calibrate\` makes them`);
  }
  return matches.flat().map(({ planner, plan }) => ({
    name: `${plan.mode}, ${lazyLayers(plan).length} lazy, ${planner.replace("-", " ")}`,
    lazy: plan,
  }));
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
