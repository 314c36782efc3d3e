import {
  type Backend,
  type GatedMatrices,
  type GatedPlaces,
  type Input,
  type Product,
  readsQuantized,
  WeightFormat,
} from "../../backend.ts";
import * as composed from "../../composed.ts";
import type { DeviceMemory, Operand } from "../memory.ts";
import { type Operation, operation, type ParamType } from "../operation.ts";
import { FEW_ROWS } from "./linear.ts";
import { MATRIX_FLAGS, matrixWindows, MAX_GROUPS } from "./matrix_windows.ts";

/** Matrices of one dispatch. */
const TOGETHER = 3;
/** Columns that a workgroup does. */
const GROUP = 8;

const ROWS = { x: "u32", weight: "u32", rows: "u32", width: "u32", eps: "f32" } as const;
const LINEAR_PARAMS = {
  ...ROWS,
  ...{ packed_a: "u32", dst_a: "u32", columns_a: "u32", stride_a: "u32" },
  ...{ packed_b: "u32", dst_b: "u32", columns_b: "u32", stride_b: "u32" },
  ...{ packed_c: "u32", dst_c: "u32", columns_c: "u32", stride_c: "u32" },
} as const satisfies Record<string, ParamType>;
const GATED_PARAMS = {
  ...{ dst: "u32", ...ROWS },
  ...{ gate: "u32", up: "u32", columns: "u32", stride: "u32" },
} as const satisfies Record<string, ParamType>;

/** An operation for each format. */
export function ofFormats<P extends string>(make: (constants: Operation["constants"]) => Operation<P>) {
  const either = [false, true];
  const of = (format: WeightFormat) =>
    make({ [MATRIX_FLAGS[format]]: [true], NORMED: [true], FOUR: either, VECTORS: either });
  const { f32, f16, q8, q4, q4Min } = WeightFormat;
  return { [f32]: of(f32), [f16]: of(f16), [q8]: of(q8), [q4]: of(q4), [q4Min]: of(q4Min) };
}

const BUFFERS = ["write", "read", "read"] as const;
const LINEAR = ofFormats((constants) => operation("rms_norm_linear", BUFFERS, LINEAR_PARAMS, constants));
const GATED = ofFormats((constants) => operation("gated_linear", BUFFERS, GATED_PARAMS, { ...constants, TWO: [true] }));

export const OPERATIONS: readonly Operation[] = [...Object.values(LINEAR), ...Object.values(GATED)];

/** A product as a shader is told of it: what a binding holds of a matrix, and where its columns go. */
export interface Part {
  readonly format: WeightFormat;
  readonly packed: Operand;
  readonly dst: number;
  readonly columns: number;
  readonly stride: number;
}

/** See `Backend.rmsNormLinear`; for up to `FEW_ROWS` rows, of activations that are kept as they are. */
export function rmsNormLinear(
  m: DeviceMemory & Backend,
  products: readonly Product[],
  x: number,
  weight: number,
  between: Input,
  rows: number,
  eps: number,
): void {
  if (rows > FEW_ROWS || !m.keepsActivations) {
    return composed.rmsNormLinear(m, products, x, weight, between, rows, eps);
  }
  const { width } = products[0]!.matrix;
  const [from, norm] = [m.operand(x), m.window(weight, width * 4)];
  for (const parts of together(products.flatMap((product) => partsOf(m, product)))) {
    const [a, b, c] = [0, 1, 2].map((i) => parts[i] ?? { packed: { word: 0 }, dst: 0, columns: 0, stride: 0 });
    const { format, packed } = parts[0]!;
    m.run(
      LINEAR[format],
      constantsOf(format, rows, isAligned(width, from, norm, parts)),
      [from.binding, packed.binding, norm.binding],
      {
        ...{ x: from.word, weight: norm.word, rows, width, eps },
        ...{ packed_a: a!.packed.word, dst_a: a!.dst, columns_a: a!.columns, stride_a: a!.stride },
        ...{ packed_b: b!.packed.word, dst_b: b!.dst, columns_b: b!.columns, stride_b: b!.stride },
        ...{ packed_c: c!.packed.word, dst_c: c!.dst, columns_c: c!.columns, stride_c: c!.stride },
      },
      [parts.reduce((sum, { columns }) => sum + groupsOf(columns), 0), rowGroups(rows)],
    );
  }
}

/** See `Backend.gatedLinear`; likewise, and of matrices alike that one binding holds. */
export function gatedLinear(
  m: DeviceMemory & Backend,
  dst: Input,
  matrices: GatedMatrices,
  x: number,
  weight: number,
  places: GatedPlaces,
  rows: number,
  eps: number,
): void {
  const to = readsQuantized(matrices.down.format) ? dst.quantized : dst.floats;
  const parts = [matrices.gate, matrices.up].flatMap((matrix) => partsOf(m, { dst: to, matrix }));
  const [gate, up] = parts;
  if (rows > FEW_ROWS || !m.keepsActivations || parts.length !== 2 || !isAlike(gate!, up!)) {
    return composed.gatedLinear(m, dst, matrices, x, weight, places, rows, eps);
  }
  const { width } = matrices.gate;
  const [from, norm] = [m.operand(x), m.window(weight, width * 4)];
  const { format, packed, columns, stride } = gate!;
  m.run(
    GATED[format],
    { ...constantsOf(format, rows, isAligned(width, from, norm, parts)), TWO: true },
    [from.binding, packed.binding, norm.binding],
    {
      ...{ dst: gate!.dst, x: from.word, weight: norm.word, rows, width, eps },
      ...{ gate: packed.word, up: up!.packed.word, columns, stride },
    },
    [groupsOf(columns), rowGroups(rows)],
  );
}

/** Most often one. */
export function partsOf(m: DeviceMemory, { dst, matrix }: Product): Part[] {
  const { format, columns: stride } = matrix;
  const { word } = m.operand(dst);
  return Array.from(
    matrixWindows(m, matrix),
    ({ operand, first, end }) => ({ format, packed: operand, dst: word + first, columns: end - first, stride }),
  );
}

/** Parts that follow each other and are alike, as many as one dispatch takes. */
function together(parts: readonly Part[]): Part[][] {
  const all: Part[][] = [];
  let groups = 0;
  for (const part of parts) {
    const last = all.at(-1);
    const own = groupsOf(part.columns);
    if (last && last.length < TOGETHER && isAlike(last[0]!, part) && groups + own <= MAX_GROUPS) last.push(part);
    else {
      all.push([part]);
      groups = 0;
    }
    groups += own;
  }
  return all;
}

/** True if one dispatch can take both. */
export function isAlike(a: Part, b: Part): boolean {
  const [one, other] = [a.packed.binding, b.packed.binding];
  const sameBinding = one.buffer === other.buffer && one.offset === other.offset && one.size === other.size;
  return a.format === b.format && sameBinding;
}

/** True if four values can be read and written at a time. */
export function isAligned(width: number, x: Operand, norm: Operand, parts: readonly Part[]): boolean {
  const places = [x.word, norm.word, ...parts.flatMap(({ dst, stride }) => [dst, stride])];
  return width % 32 === 0 && places.every((word) => word % 4 === 0);
}

/** What a variant is chosen by. */
export function constantsOf(format: WeightFormat, rows: number, VECTORS: boolean) {
  return { [MATRIX_FLAGS[format]]: true, NORMED: true, FOUR: rows > 1, VECTORS };
}

export const groupsOf = (columns: number) => Math.ceil(columns / GROUP);
export const rowGroups = (rows: number) => Math.ceil(rows / (rows > 1 ? 4 : 1));
