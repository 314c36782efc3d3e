import { type AttentionProducts, type Backend, type Input, KvFormat, type KvLayer } from "../../backend.ts";
import * as composed from "../../composed.ts";
import type { DeviceMemory } from "../memory.ts";
import { type Operation, operation } from "../operation.ts";
import { FEW_ROWS } from "./linear.ts";
import { groupsOf, isAlike, partsOf } from "./matrix_parts.ts";
import { constantsOf, isAligned, ofFormats, rowGroups } from "./normed_linear.ts";

/** Columns of a workgroup, which are of one head. */
const GROUP = 8;

const PROJECT_AND_STORE = ofFormats((constants) =>
  operation("project_and_store", ["write", "read", "read", "write"], {
    ...{ x: "u32", weight: "u32", rows: "u32", width: "u32", eps: "f32" },
    ...{ packed_q: "u32", packed_k: "u32", packed_v: "u32", columns_q: "u32", columns: "u32" },
    ...{ q: "u32", turns: "u32", keys: "u32", values: "u32", slot: "u32", headWidth: "u32", capacity: "u32" },
  }, { ...constants, VECTORS: [true], HALF_STORES: [false, true] })
);

export const OPERATIONS: readonly Operation[] = Object.values(PROJECT_AND_STORE);

/**
 * See `Backend.projectAndStore`; in one step for few rows whose activations are kept as they are, where the matrices are
 * alike, and the stores too, in one buffer apart from the work area. A scale of 8-bit stores is of more than a workgroup has.
 */
export function projectAndStore(
  m: DeviceMemory & Backend,
  cache: KvLayer,
  products: AttentionProducts,
  x: number,
  weight: number,
  between: Input,
  turns: number,
  slot: number,
  rows: number,
  eps: number,
): void {
  const { queries, keys, values } = products;
  const { headWidth, capacity, format: stored } = cache;
  const [from, toKeys, toValues] = [m.operand(x), m.operand(cache.keys), m.operand(cache.values)];
  const { width } = keys.matrix;
  const norm = m.window(weight, width * 4);
  const all = queries ? [keys, values, queries] : [keys, values];
  const parts = all.flatMap((product) => partsOf(m, product));
  const [k, v, q] = parts;
  const fits = rows <= FEW_ROWS && m.keepsActivations && stored !== KvFormat.q8 && headWidth % GROUP === 0 &&
    toKeys.segment === toValues.segment && toKeys.segment !== from.segment &&
    parts.length === all.length && parts.every((part) => isAlike(k!, part)) && isAligned(width, from, norm, parts);
  if (!fits) return composed.projectAndStore(m, cache, products, x, weight, between, turns, slot, rows, eps);
  const columns = q?.columns ?? 0;
  m.run(
    PROJECT_AND_STORE[k!.format],
    { ...constantsOf(m, k!.format, rows, true), HALF_STORES: stored === KvFormat.f16 },
    [from.binding, k!.packed.binding, norm.binding, toKeys.binding],
    {
      ...{ x: from.word, weight: norm.word, rows, width, eps },
      ...{ packed_q: q?.packed.word ?? 0, packed_k: k!.packed.word, packed_v: v!.packed.word },
      ...{ columns_q: columns, columns: k!.columns, q: q?.dst ?? 0, turns: m.operand(turns).word },
      ...{ keys: toKeys.word, values: toValues.word, slot, headWidth, capacity },
    },
    [groupsOf(GROUP, ...parts), rowGroups(rows)],
  );
}
