import type { KeyStore, KvLayer } from "../../backend.ts";
import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { KV_CONSTANTS, kvConstants } from "./kv_shape.ts";

/** Vectors that a workgroup stores. */
const VECTORS = 8;

const storing = (name: "store_keys" | "store_values") =>
  operation(name, ["write", "write"], {
    ...{ store: "u32", x: "u32", slot: "u32", rows: "u32", heads: "u32", stride: "u32", capacity: "u32" },
  }, KV_CONSTANTS);
const STORE_KEYS = storing("store_keys");
const STORE_VALUES = storing("store_values");

export const OPERATIONS = [STORE_KEYS, STORE_VALUES];

/** See `Backend.storeKeys`. */
export function storeKeys(m: DeviceMemory, store: KeyStore, x: number, slot: number, rows: number): void {
  put(m, STORE_KEYS, store.keys, store, x, slot, rows);
}

/** See `Backend.storeValues`. */
export function storeValues(m: DeviceMemory, cache: KvLayer, x: number, slot: number, rows: number): void {
  put(m, STORE_VALUES, cache.values, cache, x, slot, rows);
}

function put(
  m: DeviceMemory,
  kind: typeof STORE_KEYS,
  address: number,
  { heads, headWidth, capacity, format }: KeyStore,
  x: number,
  slot: number,
  rows: number,
): void {
  // a part of a pass may have no text to store keys of
  if (rows === 0) return;
  const [to, from] = [m.operand(address), m.operand(x)];
  const far = to.segment !== from.segment;
  m.run(
    kind,
    kvConstants(headWidth, format, far),
    [from.binding, far ? to.binding : m.nothing],
    { store: to.word, x: from.word, slot, rows, heads, stride: heads * headWidth, capacity },
    gridOf(Math.ceil(rows * heads / VECTORS)),
  );
}
