/** One vector as the 8-bit KV cache is to hold it: element * scale. */
export interface Q8Vector {
  readonly scale: number;
  readonly elements: readonly number[];
}

/** Scale = largest magnitude / 127, elements rounded to nearest, ties to even; every step in f32. */
export function q8Of(x: Float32Array): Q8Vector {
  const largest = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  if (!Number.isFinite(largest)) return { scale: NaN, elements: Array.from(x, () => 0) };
  const inverse = largest === 0 ? 0 : Math.fround(127 / largest);
  return { scale: Math.fround(largest / 127), elements: Array.from(x, (v) => roundToEven(Math.fround(v * inverse))) };
}

/** Vectors of `width` one after another, rounded as the cache rounds them. */
export function throughQ8(x: Float32Array, width: number): Float64Array {
  const held = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    const { scale, elements } = q8Of(x.subarray(at, at + width));
    held.set(elements.map((element) => element * scale), at);
  }
  return held;
}

function roundToEven(x: number): number {
  const below = Math.floor(x);
  const part = x - below;
  if (part !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
