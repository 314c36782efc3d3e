import { type Matrix, WeightFormat } from "../../backend.ts";
import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { MATRIX_FLAGS, matrixWindows } from "./matrix_windows.ts";

const embedOf = (format: WeightFormat) =>
  operation("embed", ["write", "read"], {
    ...{ dst: "u32", packed: "u32", ids: "u32", count: "u32", width: "u32", first: "u32", end: "u32" },
  }, { [MATRIX_FLAGS[format]]: [true] });

const EMBED = {
  [WeightFormat.f32]: embedOf(WeightFormat.f32),
  [WeightFormat.f16]: embedOf(WeightFormat.f16),
  [WeightFormat.q8]: embedOf(WeightFormat.q8),
  [WeightFormat.q4]: embedOf(WeightFormat.q4),
  [WeightFormat.q4Min]: embedOf(WeightFormat.q4Min),
};

export const OPERATIONS = Object.values(EMBED);

/** See `Backend.embed`. Each part of a table that a binding can hold writes the rows of its own ids. */
export function embed(m: DeviceMemory, dst: number, table: Matrix, ids: number, count: number): void {
  const [to, which] = [m.operand(dst), m.operand(ids)];
  const { format, width } = table;
  for (const { operand: packed, first, end } of matrixWindows(m, table)) {
    m.run(
      EMBED[format],
      { [MATRIX_FLAGS[format]]: true },
      [to.binding, packed.binding],
      { dst: to.word, packed: packed.word, ids: which.word, count, width, first, end },
      gridOf(count),
    );
  }
}
