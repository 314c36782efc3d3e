import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";

/** Pairs that a workgroup turns. */
const LANES = 256;

const ROPE = operation("rope", ["write"], {
  ...{ x: "u32", turns: "u32", rows: "u32", heads: "u32", headWidth: "u32", stride: "u32" },
});

export const OPERATIONS = [ROPE];

/** See `Backend.rope`. */
export function rope(
  m: DeviceMemory,
  x: number,
  turns: number,
  rows: number,
  heads: number,
  headWidth: number,
  stride: number,
): void {
  const to = m.operand(x);
  m.run(
    ROPE,
    {},
    [to.binding],
    { x: to.word, turns: m.operand(turns).word, rows, heads, headWidth, stride },
    gridOf(Math.ceil(rows * heads * headWidth / 2 / LANES)),
  );
}
