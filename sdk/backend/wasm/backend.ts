import {
  type AttentionProducts,
  type Backend,
  type Epilogue,
  type GatedMatrices,
  type GatedPlaces,
  type Input,
  type KeyStore,
  type KvLayer,
  type Matrix,
  type Product,
  type TokenChoice,
  WeightFormat,
} from "../backend.ts";
import * as composed from "../composed.ts";
import { GROUP } from "../packed_blocks.ts";
import { engineMemory, PAGE_BYTES, refusedByEngine } from "../../memory/engine_memory.ts";
import type { KernelBuild } from "./build.ts";
import type { KernelExports } from "./exports.ts";

/** What the modules declare: a stack of one page, and their constants. */
const OWN_PAGES = 3;
const MAX_PAGES = 65536;

/** The operations on the CPU: every call runs at once, in the kernels' own memory of a fixed size. */
export class WasmBackend implements Backend {
  readonly name: string;
  /** First address that is free for the caller. */
  readonly base: number;
  readonly keepsActivations: boolean;
  readonly tokensAhead = 1;
  readonly rowsTogether = 128;
  readonly memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #relaxedBytes: number;
  #bytes: Uint8Array;

  private constructor(build: KernelBuild, memory: WebAssembly.Memory, kernels: KernelExports) {
    this.name = `wasm-${build}`;
    this.keepsActivations = build === "plain";
    this.memory = memory;
    this.#kernels = kernels;
    this.base = kernels.__heap_base.value;
    this.#relaxedBytes = kernels.relaxed_bytes?.() ?? 0;
    this.#bytes = new Uint8Array(memory.buffer);
  }

  /**
   * A backend with nothing but the kernels' own data and stack yet; its memory can never grow over `maxBytes`.
   *
   * @throws {LorisError} `memory_budget` if the engine does not give it.
   */
  static async create(module: WebAssembly.Module, build: KernelBuild, maxBytes: number): Promise<WasmBackend> {
    const maximum = Math.max(OWN_PAGES, Math.min(MAX_PAGES, Math.floor(maxBytes / PAGE_BYTES)));
    const memory = engineMemory(OWN_PAGES, maximum);
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    return new WasmBackend(build, memory, instance.exports as unknown as KernelExports);
  }

  /**
   * Makes the memory reach up to address `end`, once, before any work.
   *
   * @throws {LorisError} `memory_budget` if that is over the maximum, or the engine does not give it.
   */
  reserve(end: number): void {
    const missing = Math.ceil(end / PAGE_BYTES) - this.memory.buffer.byteLength / PAGE_BYTES;
    if (missing <= 0) return;
    try {
      this.memory.grow(missing);
    } catch (cause) {
      throw refusedByEngine(end, cause);
    }
    this.#bytes = new Uint8Array(this.memory.buffer);
  }

  get memoryBytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** The memory goes with the object. */
  destroy(): void {}

  activationRowBytes(width: number): number {
    return this.#kernels.activation_row_bytes(width);
  }

  attentionProbabilities(rows: number, heads: number, kvHeads: number, positions: number): number {
    return this.#kernels.attention_probabilities(rows, heads, kvHeads, positions);
  }

  attentionScratch(positions: number, headWidth: number): number {
    return this.#kernels.attention_scratch(positions, headWidth);
  }

  matrixBytes(columns: number, width: number, format: WeightFormat): number {
    return Math.ceil(columns / GROUP) * this.#kernels.packed_group_bytes(width, format);
  }

  quantize(dst: number, x: number, rows: number, width: number): void {
    this.#kernels.quantize(dst, x, rows, width);
  }

  roundingError(dst: number, x: number, width: number): void {
    this.#kernels.rounding_error(dst, x, width);
  }

  linear(
    dst: number,
    x: number,
    quantized: number,
    m: Matrix,
    bias: number,
    rows: number,
    epilogue: Epilogue,
  ): void {
    const { address, width, columns, format } = m;
    const k = this.#kernels, bytes = this.#relaxedBytes;
    switch (format) {
      case WeightFormat.f32:
        return k.linear_f32(dst, x, address, bias, rows, width, columns, columns, epilogue);
      case WeightFormat.f16:
        return k.linear_f16(dst, x, address, bias, rows, width, columns, columns, epilogue);
      case WeightFormat.q8:
        return k.linear_q8(dst, quantized, address, bias, rows, width, columns, columns, epilogue, bytes);
      case WeightFormat.q4:
        return k.linear_q4(dst, quantized, address, bias, rows, width, columns, columns, epilogue, bytes);
      case WeightFormat.q4Min:
        return k.linear_q4_min(dst, quantized, address, bias, rows, width, columns, columns, epilogue, bytes);
    }
  }

  rmsNormLinear(
    products: readonly Product[],
    x: number,
    weight: number,
    between: Input,
    rows: number,
    eps: number,
  ): void {
    composed.rmsNormLinear(this, products, x, weight, between, rows, eps);
  }

  gatedLinear(
    dst: Input,
    matrices: GatedMatrices,
    x: number,
    weight: number,
    between: GatedPlaces,
    rows: number,
    eps: number,
  ): void {
    composed.gatedLinear(this, dst, matrices, x, weight, between, rows, eps);
  }

  projectAndStore(
    cache: KvLayer,
    products: AttentionProducts,
    x: number,
    weight: number,
    between: Input,
    turns: number,
    slot: number,
    rows: number,
    eps: number,
  ): void {
    composed.projectAndStore(this, cache, products, x, weight, between, turns, slot, rows, eps);
  }

  turnAndStore(
    cache: KvLayer,
    q: number,
    k: number,
    v: number,
    turns: number,
    slot: number,
    rows: number,
    heads: number,
  ): void {
    composed.turnAndStore(this, cache, q, k, v, turns, slot, rows, heads);
  }

  embed(dst: number, table: Matrix, ids: number, count: number): void {
    this.#kernels.embed(dst, table.address, ids, count, table.width, table.format);
  }

  rmsNorm(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void {
    this.#kernels.rms_norm(dst, x, weight, rows, width, eps);
  }

  layerNorm(dst: number, x: number, weight: number, bias: number, rows: number, width: number, eps: number): void {
    this.#kernels.layer_norm(dst, x, weight, bias, rows, width, eps);
  }

  rmsNormQuantize(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void {
    this.#kernels.rms_norm_quantize(dst, x, weight, rows, width, eps);
  }

  layerNormQuantize(
    dst: number,
    x: number,
    weight: number,
    bias: number,
    rows: number,
    width: number,
    eps: number,
  ): void {
    this.#kernels.layer_norm_quantize(dst, x, weight, bias, rows, width, eps);
  }

  rope(x: number, turns: number, rows: number, heads: number, headWidth: number, stride: number): void {
    this.#kernels.rope(x, turns, rows, heads, headWidth, stride);
  }

  storeKeys(store: KeyStore, x: number, slot: number, rows: number): void {
    const { keys, heads, headWidth, capacity, format } = store;
    this.#kernels.store_keys(keys, x, slot, rows, heads, headWidth, heads * headWidth, capacity, format);
  }

  storeValues(cache: KvLayer, x: number, slot: number, rows: number): void {
    const { values, heads, headWidth, capacity, format } = cache;
    this.#kernels.store_values(values, x, slot, rows, heads, headWidth, heads * headWidth, capacity, format);
  }

  attention(
    dst: number,
    q: number,
    cache: KvLayer,
    scratch: number,
    rows: number,
    heads: number,
    past: number,
    causal: boolean,
    probabilities = 0,
    reuse = false,
    textSlots = 0,
    texts = 0,
  ): void {
    const { textKeys } = cache;
    this.#kernels.attention(
      dst,
      q,
      cache.keys,
      cache.values,
      scratch,
      rows,
      heads,
      cache.heads,
      cache.headWidth,
      cache.capacity,
      past,
      causal ? 1 : 0,
      cache.format,
      probabilities,
      reuse ? 1 : 0,
      textKeys?.keys ?? 0,
      textKeys?.capacity ?? 0,
      textSlots,
      textKeys ? texts : 0,
    );
  }

  attentionReceived(
    dst: number,
    probabilities: number,
    rows: number,
    heads: number,
    kvHeads: number,
    past: number,
    causal: boolean,
  ): void {
    this.#kernels.attention_received(dst, probabilities, rows, heads, kvHeads, past, causal ? 1 : 0);
  }

  swiglu(dst: number, gate: number, up: number, elements: number): void {
    this.#kernels.swiglu(dst, gate, up, elements);
  }

  swigluQuantize(dst: number, gate: number, up: number, rows: number, width: number): void {
    this.#kernels.swiglu_quantize(dst, gate, up, rows, width);
  }

  geluQuantize(dst: number, x: number, rows: number, width: number): void {
    this.#kernels.gelu_quantize(dst, x, rows, width);
  }

  add(dst: number, x: number, elements: number): void {
    this.#kernels.add(dst, x, elements);
  }

  patches(dst: number, rgb: number, size: number, patch: number, mean: number, deviation: number): void {
    this.#kernels.patches(dst, rgb, size, patch, mean, deviation);
  }

  pixelShuffle(dst: number, x: number, grid: number, width: number, scale: number): void {
    this.#kernels.pixel_shuffle(dst, x, grid, width, scale);
  }

  argmax(x: number, elements: number, to = 0): Promise<number> {
    return Promise.resolve(this.#left(to, this.#kernels.argmax(x, elements) | 0));
  }

  #left(to: number, id: number): number {
    if (to !== 0 && id >= 0) this.write(to, Uint32Array.of(id));
    return id;
  }

  sampleScratch(elements: number): number {
    return this.#kernels.sample_scratch(elements);
  }

  sample(
    scratch: number,
    logits: number,
    elements: number,
    recent: number,
    recents: number,
    { repetitionPenalty, temperature, topK, topP, minP, uniform }: TokenChoice,
    to = 0,
  ): Promise<number> {
    const most = topK === 0 ? elements : Math.min(topK, elements);
    const id = this.#kernels.sample(
      scratch,
      logits,
      elements,
      recent,
      recents,
      repetitionPenalty,
      temperature,
      most,
      topP,
      minP,
      uniform,
    );
    return Promise.resolve(this.#left(to, id | 0));
  }

  write(address: number, values: Uint8Array | Uint32Array | Float32Array): void {
    this.#bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
  }

  clear(address: number, bytes: number): void {
    this.#bytes.fill(0, address, address + bytes);
  }

  read(address: number, elements: number): Promise<Float32Array<ArrayBuffer>> {
    return Promise.resolve(this.floats(address, elements).slice());
  }

  // deno-lint-ignore require-await -- what `change` throws is to reject
  async edit(address: number, elements: number, change: (values: Float32Array<ArrayBuffer>) => void): Promise<void> {
    change(this.floats(address, elements));
  }

  loadScratch(planned: number): number {
    return planned;
  }

  bytes(address: number, length: number): Uint8Array {
    return this.#bytes.subarray(address, address + length);
  }

  copy(to: number, from: number, bytes: number): void {
    this.#bytes.copyWithin(to, from, from + bytes);
  }

  /** A view of f32 elements, valid until the memory is reserved. */
  floats(address: number, elements: number): Float32Array<ArrayBuffer> {
    // no shared memory: libraries that know of such type a buffer as either
    return new Float32Array(this.memory.buffer as ArrayBuffer, address, elements);
  }

  pack(
    dst: number,
    src: number,
    rows: number,
    width: number,
    rowBytes: number,
    ggmlType: number,
    format: WeightFormat,
    scratch: number,
  ): number {
    return this.#kernels.pack(dst, src, rows, width, rowBytes, ggmlType, format, scratch);
  }

  packScratch(width: number): number {
    return this.#kernels.pack_scratch(width);
  }

  dequantize(dst: number, src: number, elements: number, ggmlType: number): number {
    if (this.#kernels.dequantize(dst, src, elements, ggmlType) !== 1) return 1;
    return this.floats(dst, elements).every(Number.isFinite) ? 0 : 2;
  }
}
