import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";

const RMS_NORM = operation("rms_norm", ["write", "read"], {
  ...{ dst: "u32", x: "u32", weight: "u32", rows: "u32", width: "u32" },
  eps: "f32",
});

export const OPERATIONS = [RMS_NORM];

/** See `Backend.rmsNorm`. */
export function rmsNorm(
  m: DeviceMemory,
  dst: number,
  x: number,
  weight: number,
  rows: number,
  width: number,
  eps: number,
): void {
  const [to, from, w] = [m.operand(dst), m.operand(x), m.operand(weight)];
  m.run(
    RMS_NORM,
    {},
    [to.binding, w.binding],
    { dst: to.word, x: from.word, weight: w.word, rows, width, eps },
    gridOf(rows),
  );
}
