import { type Backend, type Epilogue, type Input, type Matrix, readsQuantized } from "../backend/backend.ts";

/** One matrix product of f32 rows at `x` that no other matrix reads. */
export function linear(
  b: Backend,
  dst: number,
  x: number,
  quantized: number,
  matrix: Matrix,
  bias: number,
  rows: number,
  epilogue: Epilogue,
): void {
  const { format, width } = matrix;
  // rows that are kept as they are, without a gap, are records already
  const asTheyAre = b.keepsActivations && b.activationRowBytes(width) === width * 4;
  if (readsQuantized(format) && !asTheyAre) b.quantize(quantized, x, rows, width);
  b.linear(dst, x, asTheyAre ? x : quantized, matrix, bias, rows, epilogue);
}

/** `layerNorm` of rows at `x`, in the forms that these matrices, all of one width, read. */
export function layerNormFor(
  b: Backend,
  dst: Input,
  x: number,
  weight: number,
  bias: number,
  rows: number,
  eps: number,
  ...matrices: readonly [Matrix, ...Matrix[]]
): void {
  const { width } = matrices[0];
  if (matrices.some(readsRecords)) b.layerNormQuantize(dst.quantized, x, weight, bias, rows, width, eps);
  if (matrices.some(readsFloats)) b.layerNorm(dst.floats, x, weight, bias, rows, width, eps);
}

const readsRecords = (matrix: Matrix) => readsQuantized(matrix.format);
const readsFloats = (matrix: Matrix) => !readsQuantized(matrix.format);
