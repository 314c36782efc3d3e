import { Epilogue, type Input, type Matrix, type Product, readsQuantized, WeightFormat } from "../../backend.ts";
import type { DeviceMemory, Variants } from "../memory.ts";
import { type Operation, operation, type ParamType } from "../operation.ts";
import type { Groups } from "../recorder.ts";
import type { ShaderConstants } from "../shader_text.ts";
import { groupsOf, type MatrixPart, partsOf, TARGETS, targetsOf, together } from "./matrix_parts.ts";
import type { Records } from "./records.ts";

/** So many rows go over the packed weights; more are worth unpacking them into a workgroup's memory. */
export const FEW_ROWS = 8;
/** Squares that keep a large GPU busy. */
const MANY_TILES = 128;
const NO_BIAS = 0xffffffff;

const PARAMS = {
  ...{ x: "u32", bias: "u32", rows: "u32", width: "u32", epilogue: "u32" },
  ...TARGETS,
} as const satisfies Record<string, ParamType>;

/** One format's shader: for few rows, and in tiles for many. */
interface Ways {
  readonly few: Operation<keyof typeof PARAMS>;
  readonly tiled: Operation<keyof typeof PARAMS>;
  /** Large squares in tiles of 16-bit floats: of weights that are whole numbers and scales. */
  readonly tiledF16?: Operation<keyof typeof PARAMS>;
}

function ways(format: WeightFormat, name: Parameters<typeof operation>[0]): Ways {
  const either = [false, true];
  const quantized = readsQuantized(format);
  const all = { VECTORS: either, ...(quantized ? { RECORDS_I8: either } : {}) };
  const buffers = ["write", "read", "read"] as const;
  return {
    few: operation(name, buffers, PARAMS, { SUBGROUPS: either, FOUR: either, ...all }),
    tiled: operation(name, buffers, PARAMS, { TILED: [true], LARGE: either, ...all }),
    ...quantized &&
      { tiledF16: operation(name, buffers, PARAMS, { TILES_F16: [true], TILED: [true], VECTORS: either }) },
  };
}

const WAYS: Readonly<Record<WeightFormat, Ways>> = {
  [WeightFormat.f32]: ways(WeightFormat.f32, "linear_f32"),
  [WeightFormat.f16]: ways(WeightFormat.f16, "linear_f16"),
  [WeightFormat.q8]: ways(WeightFormat.q8, "linear_q8"),
  [WeightFormat.q4]: ways(WeightFormat.q4, "linear_q4"),
  [WeightFormat.q4Min]: ways(WeightFormat.q4Min, "linear_q4_min"),
};

export const OPERATIONS = Object.values(WAYS).flatMap((ways) => Object.values(ways));

/** See `Backend.linear`. */
export function linear(
  m: DeviceMemory,
  records: Records,
  dst: number,
  x: number,
  quantized: number,
  matrix: Matrix,
  bias: number,
  rows: number,
  epilogue: Epilogue,
): void {
  for (const part of partsOf(m, { dst, matrix })) {
    run(m, records, [part], { floats: x, quantized }, matrix.width, bias, rows, epilogue);
  }
}

/** Products of the same rows, without bias; as few dispatches as can be. */
export function linearTogether(
  m: DeviceMemory,
  records: Records,
  products: readonly Product[],
  input: Input,
  rows: number,
): void {
  const { width } = products[0]!.matrix;
  for (const parts of together(products.flatMap((product) => partsOf(m, product)))) {
    run(m, records, parts, input, width, 0, rows, Epilogue.store);
  }
}

/** @param bias Of a part that is alone. */
function run(
  m: DeviceMemory,
  records: Records,
  parts: readonly MatrixPart[],
  { floats, quantized }: Input,
  width: number,
  bias: number,
  rows: number,
  epilogue: Epilogue,
): void {
  const { format, packed, first, columns } = parts[0]!;
  const fromRecords = readsQuantized(format);
  const from = m.operand(fromRecords ? quantized : floats);
  const fours = [from.word, ...parts.flatMap(({ dst, stride }) => [dst, stride])].every((word) => word % 4 === 0);
  const biases = bias === 0 ? undefined : m.window(bias + first * 4, columns * 4);
  const { operation, constants, groups } = wayOf(WAYS[format], m.variants, records, rows, parts);
  m.run(
    operation,
    { ...constants, VECTORS: width % 32 === 0 && fours, ...(fromRecords ? { RECORDS_I8: records === "i8" } : {}) },
    [from.binding, packed.binding, biases?.binding ?? m.nothing],
    { x: from.word, bias: biases?.word ?? NO_BIAS, rows, width, epilogue, ...targetsOf(parts) },
    groups,
  );
}

function wayOf(
  { few, tiled, tiledF16 }: Ways,
  { f16, subgroups }: Variants,
  records: Records,
  rows: number,
  parts: readonly MatrixPart[],
): { operation: Ways["few"]; constants: ShaderConstants; groups: Groups } {
  if (rows <= FEW_ROWS) {
    const FOUR = rows > 1;
    const groups: Groups = [groupsOf(8, ...parts), Math.ceil(rows / (FOUR ? 4 : 1))];
    return { operation: few, constants: { SUBGROUPS: subgroups, FOUR }, groups };
  }
  const tiles = (side: number): [number, number] => [groupsOf(side, ...parts), Math.ceil(rows / side)];
  const [across, down] = tiles(64);
  const LARGE = across * down >= MANY_TILES;
  if (LARGE && f16 && tiledF16 && records === "f32") {
    return { operation: tiledF16, constants: { TILES_F16: true, TILED: true }, groups: [across, down] };
  }
  return { operation: tiled, constants: { TILED: true, LARGE }, groups: LARGE ? [across, down] : tiles(32) };
}
