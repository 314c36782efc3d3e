import { type DeviceMemory, gridOf } from "../memory.ts";
import { type Operation, operation } from "../operation.ts";

/** What matrix products with quantized weights read: rows as they are, or 8-bit blocks of 32 with a scale each. */
export type Records = "f32" | "i8";

const BLOCK = 32;
/** Values that a workgroup makes. */
const GROUP_VALUES = 1024;

/** Variants of operations that make records. */
export const EITHER_RECORDS = { RECORDS_I8: [false, true] } as const;

const ROWS = { dst: "u32", x: "u32", rows: "u32", width: "u32" } as const;
const QUANTIZE = operation("quantize", ["write"], ROWS, EITHER_RECORDS);
const GELU_QUANTIZE = operation("gelu_quantize", ["write"], ROWS, EITHER_RECORDS);
const SWIGLU_QUANTIZE = operation(
  "swiglu_quantize",
  ["write"],
  { dst: "u32", gate: "u32", up: "u32", rows: "u32", width: "u32" },
  EITHER_RECORDS,
);
const ROUNDING_ERROR = operation("rounding_error", ["write"], { dst: "u32", x: "u32", width: "u32" });

export const OPERATIONS: readonly Operation[] = [QUANTIZE, GELU_QUANTIZE, SWIGLU_QUANTIZE, ROUNDING_ERROR];

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
  ofRows(QUANTIZE, m, records, dst, x, rows, width);
}

/** See `Backend.geluQuantize`. */
export function geluQuantize(
  m: DeviceMemory,
  records: Records,
  dst: number,
  x: number,
  rows: number,
  width: number,
): void {
  ofRows(GELU_QUANTIZE, m, records, dst, x, rows, width);
}

/** See `Backend.swigluQuantize`. */
export function swigluQuantize(
  m: DeviceMemory,
  records: Records,
  dst: number,
  gate: number,
  up: number,
  rows: number,
  width: number,
): void {
  const [to, g, u] = [m.operand(dst), m.operand(gate), m.operand(up)];
  const params = { dst: to.word, gate: g.word, up: u.word, rows, width };
  m.run(SWIGLU_QUANTIZE, { RECORDS_I8: records === "i8" }, [to.binding], params, gridOf(groupsOf(rows, width)));
}

/** See `Backend.roundingError`. */
export function roundingError(m: DeviceMemory, records: Records, dst: number, x: number, width: number): void {
  // nothing is lost
  if (records === "f32") return m.clear(dst, width * 4);
  const [to, from] = [m.operand(dst), m.operand(x)];
  m.run(ROUNDING_ERROR, {}, [to.binding], { dst: to.word, x: from.word, width }, gridOf(groupsOf(1, width)));
}

function ofRows(
  operation: Operation<keyof typeof ROWS>,
  m: DeviceMemory,
  records: Records,
  dst: number,
  x: number,
  rows: number,
  width: number,
): void {
  const [to, from] = [m.operand(dst), m.operand(x)];
  const params = { dst: to.word, x: from.word, rows, width };
  m.run(operation, { RECORDS_I8: records === "i8" }, [to.binding], params, gridOf(groupsOf(rows, width)));
}

/** Workgroups that make rows of whole blocks. */
function groupsOf(rows: number, width: number): number {
  return Math.ceil(rows * Math.ceil(width / BLOCK) * BLOCK / GROUP_VALUES);
}
