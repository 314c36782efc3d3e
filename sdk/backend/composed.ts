/** Operations made of several others, for backends that have nothing quicker. */
import {
  type AttentionProducts,
  type Backend,
  Epilogue,
  type GatedMatrices,
  type GatedPlaces,
  type Input,
  type KvLayer,
  type Product,
  readsQuantized,
} from "./backend.ts";

/** See `Backend.rmsNormLinear`. */
export function rmsNormLinear(
  b: Backend,
  products: readonly Product[],
  x: number,
  weight: number,
  between: Input,
  rows: number,
  eps: number,
): void {
  normalize(b, between, x, weight, rows, eps, products);
  for (const { dst, matrix } of products) {
    b.linear(dst, between.floats, between.quantized, matrix, 0, rows, Epilogue.store);
  }
}

/** See `Backend.gatedLinear`. */
export function gatedLinear(
  b: Backend,
  dst: Input,
  { gate, up, down }: GatedMatrices,
  x: number,
  weight: number,
  places: GatedPlaces,
  rows: number,
  eps: number,
): void {
  const products = [{ dst: places.gate, matrix: gate }, { dst: places.up, matrix: up }];
  b.rmsNormLinear(products, x, weight, places.input, rows, eps);
  if (readsQuantized(down.format)) b.swigluQuantize(dst.quantized, places.gate, places.up, rows, down.width);
  else b.swiglu(dst.floats, places.gate, places.up, rows * down.width);
}

/** See `Backend.turnAndStore`. */
export function turnAndStore(
  b: Backend,
  cache: KvLayer,
  q: number,
  k: number,
  v: number,
  turns: number,
  slot: number,
  rows: number,
  heads: number,
): void {
  const { heads: kvHeads, headWidth } = cache;
  if (q !== 0) b.rope(q, turns, rows, heads, headWidth, heads * headWidth);
  b.rope(k, turns, rows, kvHeads, headWidth, kvHeads * headWidth);
  b.storeKeys(cache, k, slot, rows);
  b.storeValues(cache, v, slot, rows);
}

/** See `Backend.projectAndStore`. */
export function projectAndStore(
  b: Backend,
  cache: KvLayer,
  { queries, keys, values }: AttentionProducts,
  x: number,
  weight: number,
  between: Input,
  turns: number,
  slot: number,
  rows: number,
  eps: number,
): void {
  b.rmsNormLinear([values, keys, ...queries ? [queries] : []], x, weight, between, rows, eps);
  const heads = queries ? queries.matrix.columns / cache.headWidth : 0;
  b.turnAndStore(cache, queries?.dst ?? 0, keys.dst, values.dst, turns, slot, rows, heads);
}

/** `rmsNorm` of rows, in the forms that the products' matrices, all of one width, read. */
export function normalize(
  b: Backend,
  dst: Input,
  x: number,
  weight: number,
  rows: number,
  eps: number,
  products: readonly Product[],
): void {
  const { width } = products[0]!.matrix;
  let records = 0;
  for (const { matrix } of products) if (readsQuantized(matrix.format)) records++;
  if (records > 0) b.rmsNormQuantize(dst.quantized, x, weight, rows, width, eps);
  if (records < products.length) b.rmsNorm(dst.floats, x, weight, rows, width, eps);
}
