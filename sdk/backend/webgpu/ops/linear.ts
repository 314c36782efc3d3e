import { type Epilogue, type Matrix, readsQuantized, WeightFormat } from "../../backend.ts";
import type { DeviceMemory } from "../memory.ts";
import { type Operation, operation, type ParamType } from "../operation.ts";
import type { Groups } from "../recorder.ts";
import type { ShaderConstants } from "../shader_text.ts";
import { matrixWindows } from "./matrix_windows.ts";
import type { Records } from "./records.ts";

/** So many rows go over the packed weights; more are worth unpacking them into a workgroup's memory. */
export const FEW_ROWS = 8;
/** Squares that keep a large GPU busy. */
const MANY_TILES = 128;
const NO_BIAS = 0xffffffff;

const PARAMS = {
  ...{ dst: "u32", x: "u32", packed: "u32", bias: "u32", rows: "u32", width: "u32", columns: "u32", stride: "u32" },
  epilogue: "u32",
} as const satisfies Record<string, ParamType>;

/** One format's shader: for few rows, and in tiles for many. */
interface Ways {
  readonly few: Operation<keyof typeof PARAMS>;
  readonly tiled: Operation<keyof typeof PARAMS>;
}

function ways(format: WeightFormat, name: Parameters<typeof operation>[0]): Ways {
  const either = [false, true];
  const all = { VECTORS: either, ...(readsQuantized(format) ? { RECORDS_I8: either } : {}) };
  const buffers = ["write", "read", "read"] as const;
  return {
    few: operation(name, buffers, PARAMS, { FOUR: either, ...all }),
    tiled: operation(name, buffers, PARAMS, { TILED: [true], LARGE: either, ...all }),
  };
}

const WAYS: Readonly<Record<WeightFormat, Ways>> = {
  [WeightFormat.f32]: ways(WeightFormat.f32, "linear_f32"),
  [WeightFormat.f16]: ways(WeightFormat.f16, "linear_f16"),
  [WeightFormat.q8]: ways(WeightFormat.q8, "linear_q8"),
  [WeightFormat.q4]: ways(WeightFormat.q4, "linear_q4"),
  [WeightFormat.q4Min]: ways(WeightFormat.q4Min, "linear_q4_min"),
};

export const OPERATIONS = Object.values(WAYS).flatMap(({ few, tiled }) => [few, tiled]);

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
  const { format, columns: stride, width } = matrix;
  const fromRecords = readsQuantized(format);
  const [to, from] = [m.operand(dst), m.operand(fromRecords ? quantized : x)];
  const aligned = width % 32 === 0 && stride % 4 === 0 && to.word % 4 === 0 && from.word % 4 === 0;
  for (const { operand: packed, first, end } of matrixWindows(m, matrix)) {
    const columns = end - first;
    const biases = bias === 0 ? undefined : m.window(bias + first * 4, columns * 4);
    const { operation, constants, groups } = wayOf(WAYS[format], rows, columns);
    m.run(
      operation,
      { ...constants, VECTORS: aligned, ...(fromRecords ? { RECORDS_I8: records === "i8" } : {}) },
      [to.binding, packed.binding, biases?.binding ?? m.nothing],
      {
        ...{ dst: to.word + first, x: from.word, packed: packed.word, bias: biases?.word ?? NO_BIAS },
        ...{ rows, width, columns, stride, epilogue },
      },
      groups,
    );
  }
}

function wayOf(
  { few, tiled }: Ways,
  rows: number,
  columns: number,
): { operation: Ways["few"]; constants: ShaderConstants; groups: Groups } {
  if (rows <= FEW_ROWS) {
    const FOUR = rows > 1;
    const groups: Groups = [Math.ceil(columns / 8), Math.ceil(rows / (FOUR ? 4 : 1))];
    return { operation: few, constants: { FOUR }, groups };
  }
  const tiles = (side: number): [number, number] => [Math.ceil(columns / side), Math.ceil(rows / side)];
  const [across, down] = tiles(64);
  const LARGE = across * down >= MANY_TILES;
  return { operation: tiled, constants: { TILED: true, LARGE }, groups: LARGE ? [across, down] : tiles(32) };
}
