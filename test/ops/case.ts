import type { Bench } from "./harness.ts";

/** One operation on a backend, by its interface alone so that any backend can run it, and the same formula in f64. */
export interface Case {
  readonly name: string;
  /** On the normalised mean square error. */
  readonly bound: number;
  /** Where the SIMD twins' is larger. */
  readonly simdBound?: number;
  run(bench: Bench): Promise<{ got: Float32Array<ArrayBuffer>; want: Float64Array }>;
}

/** f32 arithmetic: about (2^-24)^2 a rounding, and some tens of them in a sum. */
export const F32 = 1e-12;
