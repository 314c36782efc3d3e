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
import { FEW_ROWS, linearTogether } from "./linear.ts";
import { groupsOf, isAlike, type MatrixPart, partsOf, TARGETS, targetsOf, together } from "./matrix_parts.ts";
import type { Records } from "./records.ts";
import { MATRIX_FLAGS } from "./matrix_windows.ts";

/** Columns that a workgroup does. */
const GROUP = 8;

const ROWS = { x: "u32", weight: "u32", rows: "u32", width: "u32", eps: "f32" } as const;
const LINEAR_PARAMS = { ...ROWS, ...TARGETS } as const satisfies Record<string, ParamType>;
const GATED_PARAMS = {
  ...{ dst: "u32", ...ROWS },
  ...{ gate: "u32", up: "u32", columns: "u32", stride: "u32" },
} as const satisfies Record<string, ParamType>;

/** An operation for each format. */
export function ofFormats<P extends string>(make: (constants: Operation["constants"]) => Operation<P>) {
  const either = [false, true];
  const of = (format: WeightFormat) =>
    make({ [MATRIX_FLAGS[format]]: [true], NORMED: [true], SUBGROUPS: either, FOUR: either, VECTORS: either });
  const { f32, f16, q8, q4, q4Min } = WeightFormat;
  return { [f32]: of(f32), [f16]: of(f16), [q8]: of(q8), [q4]: of(q4), [q4Min]: of(q4Min) };
}

const BUFFERS = ["write", "read", "read"] as const;
const LINEAR = ofFormats((constants) => operation("rms_norm_linear", BUFFERS, LINEAR_PARAMS, constants));
const GATED = ofFormats((constants) => operation("gated_linear", BUFFERS, GATED_PARAMS, { ...constants, TWO: [true] }));

export const OPERATIONS: readonly Operation[] = [...Object.values(LINEAR), ...Object.values(GATED)];

/** See `Backend.rmsNormLinear`; in one step for up to `FEW_ROWS` rows of activations that are kept as they are. */
export function rmsNormLinear(
  m: DeviceMemory & Backend & { readonly records: Records },
  products: readonly Product[],
  x: number,
  weight: number,
  between: Input,
  rows: number,
  eps: number,
): void {
  if (rows > FEW_ROWS || !m.keepsActivations) {
    composed.normalize(m, between, x, weight, rows, eps, products);
    return linearTogether(m, m.records, products, between, rows);
  }
  const { width } = products[0]!.matrix;
  const [from, norm] = [m.operand(x), m.window(weight, width * 4)];
  for (const parts of together(products.flatMap((product) => partsOf(m, product)))) {
    const { format, packed } = parts[0]!;
    m.run(
      LINEAR[format],
      constantsOf(m, format, rows, isAligned(width, from, norm, parts)),
      [from.binding, packed.binding, norm.binding],
      { x: from.word, weight: norm.word, rows, width, eps, ...targetsOf(parts) },
      [groupsOf(GROUP, ...parts), rowGroups(rows)],
    );
  }
}

/** See `Backend.gatedLinear`; likewise in one step, where the matrices are alike and in one binding. */
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
    { ...constantsOf(m, format, rows, isAligned(width, from, norm, parts)), TWO: true },
    [from.binding, packed.binding, norm.binding],
    {
      ...{ dst: gate!.dst, x: from.word, weight: norm.word, rows, width, eps },
      ...{ gate: packed.word, up: up!.packed.word, columns, stride },
    },
    [groupsOf(GROUP, gate!), rowGroups(rows)],
  );
}

/** True if four values can be read and written at a time. */
export function isAligned(width: number, x: Operand, norm: Operand, parts: readonly MatrixPart[]): boolean {
  const places = [x.word, norm.word, ...parts.flatMap(({ dst, stride }) => [dst, stride])];
  return width % 32 === 0 && places.every((word) => word % 4 === 0);
}

/** What a variant is chosen by. */
export function constantsOf(m: DeviceMemory, format: WeightFormat, rows: number, VECTORS: boolean) {
  return { [MATRIX_FLAGS[format]]: true, NORMED: true, SUBGROUPS: m.variants.subgroups, FOUR: rows > 1, VECTORS };
}

export const rowGroups = (rows: number) => Math.ceil(rows / (rows > 1 ? 4 : 1));
