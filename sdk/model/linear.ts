import { type Backend, type Epilogue, type Matrix, readsQuantized } from "../backend/backend.ts";

/** Quantizes rows once for all the matrices that will multiply them, if any of these asks for it. */
export function quantizeFor(b: Backend, quantized: number, x: number, rows: number, ...matrices: Matrix[]): void {
  if (matrices.some((m) => readsQuantized(m.format))) b.quantize(quantized, x, rows, matrices[0]!.width);
}

/** One matrix product whose input no other matrix shares. */
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
  quantizeFor(b, quantized, x, rows, matrix);
  b.linear(dst, x, quantized, matrix, bias, rows, epilogue);
}
