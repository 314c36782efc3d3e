import type { Product, WeightFormat } from "../../backend.ts";
import type { DeviceMemory, Operand } from "../memory.ts";
import type { ParamType } from "../operation.ts";
import { matrixWindows, MAX_GROUPS } from "./matrix_windows.ts";

/** Parts of one dispatch, as `wgsl/lib/targets.wgsl` has them. */
const TOGETHER = 3;
/** Columns that a workgroup does at least. */
const GROUP = 8;

/** A product as a shader is told of it: what a binding holds of a matrix, and where its columns go. */
export interface MatrixPart {
  readonly format: WeightFormat;
  readonly packed: Operand;
  readonly dst: number;
  /** First column of the matrix. */
  readonly first: number;
  readonly columns: number;
  readonly stride: number;
}

/** What shaders that import `targets` have among their parameters. */
export const TARGETS = {
  ...{ packed: "u32", dst: "u32", columns: "u32", stride: "u32" },
  ...{ packed_b: "u32", dst_b: "u32", columns_b: "u32", stride_b: "u32" },
  ...{ packed_c: "u32", dst_c: "u32", columns_c: "u32", stride_c: "u32" },
} as const satisfies Record<string, ParamType>;

/** Most often one. */
export function partsOf(m: DeviceMemory, { dst, matrix }: Product): MatrixPart[] {
  const { format, columns: stride } = matrix;
  const { word } = m.operand(dst);
  return Array.from(
    matrixWindows(m, matrix),
    ({ operand, first, end }) => ({ format, packed: operand, dst: word + first, first, columns: end - first, stride }),
  );
}

/** Parts that follow each other and are alike, as many as one dispatch takes. */
export function together(parts: readonly MatrixPart[]): MatrixPart[][] {
  const all: MatrixPart[][] = [];
  for (const part of parts) {
    const last = all.at(-1);
    const fits = last && last.length < TOGETHER && isAlike(last[0]!, part) &&
      groupsOf(GROUP, ...last, part) <= MAX_GROUPS;
    if (fits) last.push(part);
    else all.push([part]);
  }
  return all;
}

/** True if one dispatch can take both. */
export function isAlike(a: MatrixPart, b: MatrixPart): boolean {
  const [one, other] = [a.packed.binding, b.packed.binding];
  const sameBinding = one.buffer === other.buffer && one.offset === other.offset && one.size === other.size;
  return a.format === b.format && sameBinding;
}

/** Workgroups that do so many columns each of one of the parts. */
export function groupsOf(side: number, ...parts: readonly MatrixPart[]): number {
  return parts.reduce((sum, { columns }) => sum + Math.ceil(columns / side), 0);
}

/** The parameters that tell of up to three parts. */
export function targetsOf([a, b, c]: readonly MatrixPart[]): Record<keyof typeof TARGETS, number> {
  return {
    ...{ packed: a!.packed.word, dst: a!.dst, columns: a!.columns, stride: a!.stride },
    ...{ packed_b: b?.packed.word ?? 0, dst_b: b?.dst ?? 0, columns_b: b?.columns ?? 0, stride_b: b?.stride ?? 0 },
    ...{ packed_c: c?.packed.word ?? 0, dst_c: c?.dst ?? 0, columns_c: c?.columns ?? 0, stride_c: c?.stride ?? 0 },
  };
}
