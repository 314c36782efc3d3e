import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { EITHER_RECORDS, type Records } from "./records.ts";

const RMS_PARAMS = { dst: "u32", x: "u32", weight: "u32", rows: "u32", width: "u32", eps: "f32" } as const;
const LAYER_PARAMS = {
  dst: "u32",
  x: "u32",
  weight: "u32",
  bias: "u32",
  rows: "u32",
  width: "u32",
  eps: "f32",
} as const;

const SUMS = { SUBGROUPS: [false, true] } as const;
const SUMS_AND_RECORDS = { ...SUMS, ...EITHER_RECORDS } as const;
const RMS_NORM = operation("rms_norm", ["write", "read"], RMS_PARAMS, SUMS);
const RMS_NORM_QUANTIZE = operation("rms_norm_quantize", ["write", "read"], RMS_PARAMS, SUMS_AND_RECORDS);
const LAYER_NORM = operation("layer_norm", ["write", "read", "read"], LAYER_PARAMS, SUMS);
const LAYER_NORM_QUANTIZE = operation("layer_norm_quantize", ["write", "read", "read"], LAYER_PARAMS, SUMS_AND_RECORDS);

export const OPERATIONS = [RMS_NORM, RMS_NORM_QUANTIZE, LAYER_NORM, LAYER_NORM_QUANTIZE];

/** See `Backend.rmsNorm`, or with `records` `Backend.rmsNormQuantize`. The weight is not in the work area. */
export function rmsNorm(
  m: DeviceMemory,
  dst: number,
  x: number,
  weight: number,
  rows: number,
  width: number,
  eps: number,
  records?: Records,
): void {
  const [to, from, w] = [m.operand(dst), m.operand(x), m.window(weight, width * 4)];
  m.run(
    records ? RMS_NORM_QUANTIZE : RMS_NORM,
    { SUBGROUPS: m.variants.subgroups, ...(records ? { RECORDS_I8: records === "i8" } : {}) },
    [to.binding, w.binding],
    { dst: to.word, x: from.word, weight: w.word, rows, width, eps },
    gridOf(rows),
  );
}

/** See `Backend.layerNorm`, or with `records` `Backend.layerNormQuantize`. Weight and bias are not in the work area. */
export function layerNorm(
  m: DeviceMemory,
  dst: number,
  x: number,
  weight: number,
  bias: number,
  rows: number,
  width: number,
  eps: number,
  records?: Records,
): void {
  const [to, from, w, b] = [m.operand(dst), m.operand(x), m.window(weight, width * 4), m.window(bias, width * 4)];
  m.run(
    records ? LAYER_NORM_QUANTIZE : LAYER_NORM,
    { SUBGROUPS: m.variants.subgroups, ...(records ? { RECORDS_I8: records === "i8" } : {}) },
    [to.binding, w.binding, b.binding],
    { dst: to.word, x: from.word, weight: w.word, bias: b.word, rows, width, eps },
    gridOf(rows),
  );
}
