import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";

/** Elements that a workgroup does. */
const LANES = 256;

const ADD = operation("add", ["write", "read"], { dst: "u32", x: "u32", elements: "u32" }, { FAR_X: [false, true] });
const COPY = operation("copy", ["write"], { dst: "u32", x: "u32", words: "u32" });

const SWIGLU = operation("swiglu", ["write"], { dst: "u32", gate: "u32", up: "u32", elements: "u32" });

export const OPERATIONS = [ADD, COPY, SWIGLU];

/** See `Backend.add`. */
export function add(m: DeviceMemory, dst: number, x: number, elements: number): void {
  const [to, from] = [m.operand(dst), m.window(x, elements * 4)];
  const far = from.segment !== to.segment;
  m.run(
    ADD,
    { FAR_X: far },
    [to.binding, far ? from.binding : m.nothing],
    { dst: to.word, x: from.word, elements },
    gridOf(Math.ceil(elements / LANES)),
  );
}

/** See `Backend.copy`. */
export function copy(m: DeviceMemory, dst: number, x: number, bytes: number): void {
  const [to, from] = [m.operand(dst), m.operand(x)];
  // a buffer cannot be copied to itself
  if (to.segment !== from.segment) {
    m.recorder.copy(to.binding.buffer, to.word * 4, from.binding.buffer, from.word * 4, bytes);
    return;
  }
  const words = bytes / 4;
  m.run(COPY, {}, [to.binding], { dst: to.word, x: from.word, words }, gridOf(Math.ceil(words / LANES)));
}

/** See `Backend.swiglu`. */
export function swiglu(m: DeviceMemory, dst: number, gate: number, up: number, elements: number): void {
  const [to, g, u] = [m.operand(dst), m.operand(gate), m.operand(up)];
  const params = { dst: to.word, gate: g.word, up: u.word, elements };
  m.run(SWIGLU, {}, [to.binding], params, gridOf(Math.ceil(elements / LANES)));
}
