import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { copy } from "./elements.ts";

/** What matrix products with quantized weights read: rows as they are, or 8-bit blocks of 32 with a scale each. */
export type Records = "f32" | "i8";

const BLOCK = 32;
/** Values that a workgroup makes. */
const GROUP_VALUES = 1024;

const QUANTIZE = operation("quantize", ["write"], { dst: "u32", x: "u32", rows: "u32", width: "u32" });
const ROUNDING_ERROR = operation("rounding_error", ["write"], { dst: "u32", x: "u32", width: "u32" });

export const OPERATIONS = [QUANTIZE, ROUNDING_ERROR];

/** Bytes of an activation record of one row; of 8 bits: as `wgsl/lib/record.wgsl` has it. */
export function recordBytes(records: Records, width: number): number {
  return records === "f32" ? width * 4 : Math.ceil(Math.ceil(width / BLOCK) * 9 / 4) * 16;
}

/** See `Backend.quantize`. */
export function quantize(
  m: DeviceMemory,
  records: Records,
  dst: number,
  x: number,
  rows: number,
  width: number,
): void {
  if (records === "f32") return copy(m, dst, x, rows * width * 4);
  const [to, from] = [m.operand(dst), m.operand(x)];
  const values = rows * Math.ceil(width / BLOCK) * BLOCK;
  const params = { dst: to.word, x: from.word, rows, width };
  m.run(QUANTIZE, {}, [to.binding], params, gridOf(Math.ceil(values / GROUP_VALUES)));
}

/** See `Backend.roundingError`. */
export function roundingError(m: DeviceMemory, records: Records, dst: number, x: number, width: number): void {
  // nothing is lost
  if (records === "f32") return m.clear(dst, width * 4);
  const [to, from] = [m.operand(dst), m.operand(x)];
  const params = { dst: to.word, x: from.word, width };
  m.run(ROUNDING_ERROR, {}, [to.binding], params, gridOf(Math.ceil(width / GROUP_VALUES)));
}
