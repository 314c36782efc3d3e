/** What `kernels.*.wasm` exports: addresses and sizes in, nothing or one number out. */
export interface KernelExports {
  readonly __heap_base: WebAssembly.Global;
  relaxed_bytes?(): number;
  activation_row_bytes(width: number): number;
  attention_probabilities(rows: number, heads: number, kvHeads: number, positions: number): number;
  attention_scratch(positions: number, headWidth: number): number;
  packed_group_bytes(width: number, format: number): number;
  pack_scratch(width: number): number;
  pack(
    dst: number,
    src: number,
    rows: number,
    width: number,
    rowBytes: number,
    ggmlType: number,
    format: number,
    scratch: number,
  ): number;
  dequantize(dst: number, src: number, elements: number, ggmlType: number): number;
  quantize(dst: number, x: number, rows: number, width: number): void;
  rounding_error(dst: number, x: number, width: number): void;
  linear_f32: Linear;
  linear_f16: Linear;
  linear_q4: LinearOfIntegers;
  linear_q4_min: LinearOfIntegers;
  linear_q8: LinearOfIntegers;
  embed(dst: number, table: number, ids: number, count: number, width: number, format: number): void;
  rms_norm(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void;
  layer_norm(dst: number, x: number, weight: number, bias: number, rows: number, width: number, eps: number): void;
  rms_norm_quantize(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void;
  layer_norm_quantize(
    dst: number,
    x: number,
    weight: number,
    bias: number,
    rows: number,
    width: number,
    eps: number,
  ): void;
  rope(x: number, turns: number, rows: number, heads: number, headWidth: number, stride: number): void;
  store_keys: Store;
  store_values: Store;
  attention(
    dst: number,
    q: number,
    keys: number,
    values: number,
    scratch: number,
    rows: number,
    heads: number,
    kvHeads: number,
    headWidth: number,
    capacity: number,
    past: number,
    causal: number,
    format: number,
    probabilities: number,
    reuse: number,
    textKeys: number,
    textCapacity: number,
    textSlots: number,
    texts: number,
  ): void;
  attention_received(
    dst: number,
    probabilities: number,
    rows: number,
    heads: number,
    kvHeads: number,
    past: number,
    causal: number,
  ): void;
  swiglu(dst: number, gate: number, up: number, elements: number): void;
  swiglu_quantize(dst: number, gate: number, up: number, rows: number, width: number): void;
  gelu_quantize(dst: number, x: number, rows: number, width: number): void;
  add(dst: number, x: number, elements: number): void;
  patches(dst: number, rgb: number, size: number, patch: number, mean: number, deviation: number): void;
  pixel_shuffle(dst: number, x: number, grid: number, width: number, scale: number): void;
  argmax(x: number, elements: number): number;
  sample_scratch(elements: number): number;
  sample(
    scratch: number,
    logits: number,
    elements: number,
    recent: number,
    recents: number,
    penalty: number,
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
    uniform: number,
  ): number;
}

type Linear = (
  dst: number,
  x: number,
  weight: number,
  bias: number,
  rows: number,
  width: number,
  columns: number,
  stride: number,
  epilogue: number,
) => void;

type LinearOfIntegers = (...args: [...Parameters<Linear>, bytes: number]) => void;

type Store = (
  store: number,
  x: number,
  slot: number,
  rows: number,
  heads: number,
  headWidth: number,
  stride: number,
  capacity: number,
  format: number,
) => void;
