import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";
import { strideOf } from "./attention.ts";

/** Heads and slots that a workgroup does. */
const LANES = 256;

const ATTENTION_RECEIVED = operation("attention_received", ["write"], {
  ...{ dst: "u32", probabilities: "u32", rows: "u32", heads: "u32", slots: "u32", stride: "u32" },
});

export const OPERATIONS = [ATTENTION_RECEIVED];

/** See `Backend.attentionReceived`. */
export function attentionReceived(
  m: DeviceMemory,
  dst: number,
  probabilities: number,
  rows: number,
  heads: number,
  past: number,
  causal: boolean,
): void {
  const to = m.operand(dst);
  const slots = causal ? past + rows : past;
  m.run(
    ATTENTION_RECEIVED,
    {},
    [to.binding],
    { dst: to.word, probabilities: m.operand(probabilities).word, rows, heads, slots, stride: strideOf(slots) },
    gridOf(Math.ceil(heads * slots / LANES)),
  );
}
