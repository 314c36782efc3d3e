import type { Backend, KvLayer } from "../../backend.ts";
import * as composed from "../../composed.ts";
import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { KV_CONSTANTS, kvConstants } from "./kv_shape.ts";

/** Vectors that a workgroup does. */
const VECTORS = 8;

const { F16, Q8, HEAD_WIDTH } = KV_CONSTANTS;
const TURN_AND_STORE = operation("turn_and_store", ["write", "write"], {
  ...{ q: "u32", k: "u32", v: "u32", turns: "u32", keys: "u32", values: "u32" },
  ...{ slot: "u32", rows: "u32", heads: "u32", kvHeads: "u32", capacity: "u32" },
}, { F16, Q8, HEAD_WIDTH });

export const OPERATIONS = [TURN_AND_STORE];

/** See `Backend.turnAndStore`; in one step where the stores are in one buffer, apart from the work area. */
export function turnAndStore(
  m: DeviceMemory & Backend,
  cache: KvLayer,
  q: number,
  k: number,
  v: number,
  turns: number,
  slot: number,
  rows: number,
  heads: number,
): void {
  const [keys, values, from] = [m.operand(cache.keys), m.operand(cache.values), m.operand(k)];
  if (keys.segment !== values.segment || keys.segment === from.segment) {
    return composed.turnAndStore(m, cache, q, k, v, turns, slot, rows, heads);
  }
  const { FAR: _, ...constants } = kvConstants(cache.headWidth, cache.format, true);
  const queries = q === 0 ? 0 : heads;
  m.run(
    TURN_AND_STORE,
    constants,
    [from.binding, keys.binding],
    {
      ...{ q: q === 0 ? 0 : m.operand(q).word, k: from.word, v: m.operand(v).word, turns: m.operand(turns).word },
      ...{ keys: keys.word, values: values.word, slot, rows, heads: queries },
      ...{ kvHeads: cache.heads, capacity: cache.capacity },
    },
    gridOf(Math.ceil(rows * (queries + 2 * cache.heads) / VECTORS)),
  );
}
