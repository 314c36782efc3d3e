import { type DeviceMemory, gridOf } from "../memory.ts";
import { operation } from "../operation.ts";

/** Elements that a workgroup does. */
const LANES = 256;

const ADD = operation("add", ["write", "read"], { dst: "u32", x: "u32", elements: "u32" }, { FAR_X: [false, true] });
const COPY = operation("copy", ["write"], { dst: "u32", x: "u32", words: "u32" });

const GATED = { dst: "u32", gate: "u32", up: "u32", elements: "u32" } as const;
const SWIGLU = operation("swiglu", ["write"], GATED);
const SWIGLU_QUANTIZE = operation("swiglu_quantize", ["write"], GATED);
const GELU_QUANTIZE = operation("gelu_quantize", ["write"], { dst: "u32", x: "u32", elements: "u32" });

export const OPERATIONS = [ADD, COPY, SWIGLU, SWIGLU_QUANTIZE, GELU_QUANTIZE];

/** See `Backend.add`. */
export function add(m: DeviceMemory, dst: number, x: number, elements: number): void {
  const [to, from] = [m.operand(dst), m.operand(x)];
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
  gated(SWIGLU, m, dst, gate, up, elements);
}

/** See `Backend.swigluQuantize`. */
export function swigluQuantize(
  m: DeviceMemory,
  dst: number,
  gate: number,
  up: number,
  rows: number,
  width: number,
): void {
  gated(SWIGLU_QUANTIZE, m, dst, gate, up, rows * width);
}

/** See `Backend.geluQuantize`. */
export function geluQuantize(m: DeviceMemory, dst: number, x: number, rows: number, width: number): void {
  const [to, from] = [m.operand(dst), m.operand(x)];
  const elements = rows * width;
  m.run(GELU_QUANTIZE, {}, [to.binding], { dst: to.word, x: from.word, elements }, gridOf(Math.ceil(elements / LANES)));
}

function gated(
  operation: typeof SWIGLU,
  m: DeviceMemory,
  dst: number,
  gate: number,
  up: number,
  elements: number,
): void {
  const [to, g, u] = [m.operand(dst), m.operand(gate), m.operand(up)];
  m.run(
    operation,
    {},
    [to.binding],
    { dst: to.word, gate: g.word, up: u.word, elements },
    gridOf(Math.ceil(elements / LANES)),
  );
}
