import { LorisError } from "../../errors.ts";
import type { Backend, Epilogue, KeyStore, KvLayer, Matrix, TokenChoice } from "../backend.ts";
import type { WasmBackend } from "../wasm/backend.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { DeviceMemory, type Variants } from "./memory.ts";
import { attention, attentionProbabilities, attentionScratch } from "./ops/attention.ts";
import { attentionReceived } from "./ops/attention_received.ts";
import { argmax, sample, sampleScratch } from "./ops/choice.ts";
import { add, copy, swiglu } from "./ops/elements.ts";
import { embed } from "./ops/embed.ts";
import { storeKeys, storeValues } from "./ops/kv_store.ts";
import { linear } from "./ops/linear.ts";
import { gatedLinear, rmsNormLinear } from "./ops/normed_linear.ts";
import { layerNorm, rmsNorm } from "./ops/norms.ts";
import { patches, pixelShuffle } from "./ops/pixels.ts";
import { projectAndStore } from "./ops/project_and_store.ts";
import { geluQuantize, quantize, recordBytes, type Records, roundingError, swigluQuantize } from "./ops/records.ts";
import { rope } from "./ops/rope.ts";
import { turnAndStore } from "./ops/turn_and_store.ts";

/** What of a device is used: without any of it, f32 alone, which every WebGPU has. */
export interface WebGpuOptions extends Partial<Variants> {
  /** Bytes that a shader sees of a buffer at most; the device's own limit if that is lower. */
  readonly maxBinding?: number;
  /** "i8" needs `Capabilities.dot4I8`. */
  readonly records?: Records;
}

/** The operations on a GPU: every call is recorded, and runs before the next result is read. */
export class WebGpuBackend extends DeviceMemory implements Backend {
  readonly name = "webgpu";
  /** A result takes up to 10 ms to be seen in Deno, some in a browser: as long as several tokens. */
  readonly tokensAhead = 8;
  /** A large GPU has hundreds of workgroups to keep busy; a tile of SmolVLM's encoder has as many patches. */
  readonly rowsTogether = 1024;

  readonly records: Records;

  /** @throws {LorisError} `gpu_unavailable` if the device lacks what an option needs. */
  constructor(device: GPUDevice, host: WasmBackend, options: WebGpuOptions = {}) {
    const { maxBinding = Infinity, records = "f32", f16 = false, subgroups = false } = options;
    const has = capabilitiesOf(device);
    for (
      const [param, wanted, there, what] of [
        ["records", records === "i8", has.dot4I8, "packed_4x8_integer_dot_product in its language"],
        ["f16", f16, has.f16, "the feature shader-f16"],
        ["subgroups", subgroups, has.subgroups, "the feature subgroups"],
      ] as const
    ) {
      if (!wanted || there) continue;
      const message = `${param}: ${options[param]} needs ${what}, which this device is without; leave ${param} out`;
      throw new LorisError("gpu_unavailable", message, { param });
    }
    super(device, host, maxBinding, { f16, subgroups });
    this.records = records;
  }

  get keepsActivations(): boolean {
    return this.records === "f32";
  }

  activationRowBytes(width: number): number {
    return recordBytes(this.records, width);
  }

  quantize(dst: number, x: number, rows: number, width: number): void {
    quantize(this, this.records, dst, x, rows, width);
  }

  roundingError(dst: number, x: number, width: number): void {
    roundingError(this, this.records, dst, x, width);
  }

  linear(
    dst: number,
    x: number,
    quantized: number,
    matrix: Matrix,
    bias: number,
    rows: number,
    epilogue: Epilogue,
  ): void {
    linear(this, this.records, dst, x, quantized, matrix, bias, rows, epilogue);
  }

  rmsNormLinear(...call: Parameters<Backend["rmsNormLinear"]>): void {
    rmsNormLinear(this, ...call);
  }

  gatedLinear(...call: Parameters<Backend["gatedLinear"]>): void {
    gatedLinear(this, ...call);
  }

  projectAndStore(...call: Parameters<Backend["projectAndStore"]>): void {
    projectAndStore(this, ...call);
  }

  turnAndStore(...call: Parameters<Backend["turnAndStore"]>): void {
    turnAndStore(this, ...call);
  }

  embed(dst: number, table: Matrix, ids: number, count: number): void {
    embed(this, dst, table, ids, count);
  }

  rmsNorm(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void {
    rmsNorm(this, dst, x, weight, rows, width, eps);
  }

  layerNorm(dst: number, x: number, weight: number, bias: number, rows: number, width: number, eps: number): void {
    layerNorm(this, dst, x, weight, bias, rows, width, eps);
  }

  rmsNormQuantize(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void {
    rmsNorm(this, dst, x, weight, rows, width, eps, this.records);
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
    layerNorm(this, dst, x, weight, bias, rows, width, eps, this.records);
  }

  swiglu(dst: number, gate: number, up: number, elements: number): void {
    swiglu(this, dst, gate, up, elements);
  }

  swigluQuantize(dst: number, gate: number, up: number, rows: number, width: number): void {
    swigluQuantize(this, this.records, dst, gate, up, rows, width);
  }

  geluQuantize(dst: number, x: number, rows: number, width: number): void {
    geluQuantize(this, this.records, dst, x, rows, width);
  }

  patches(dst: number, rgb: number, size: number, patch: number, mean: number, deviation: number): void {
    patches(this, dst, rgb, size, patch, mean, deviation);
  }

  pixelShuffle(dst: number, x: number, grid: number, width: number, scale: number): void {
    pixelShuffle(this, dst, x, grid, width, scale);
  }

  rope(x: number, turns: number, rows: number, heads: number, headWidth: number, stride: number): void {
    rope(this, x, turns, rows, heads, headWidth, stride);
  }

  storeKeys(store: KeyStore, x: number, slot: number, rows: number): void {
    storeKeys(this, store, x, slot, rows);
  }

  storeValues(cache: KvLayer, x: number, slot: number, rows: number): void {
    storeValues(this, cache, x, slot, rows);
  }

  attentionProbabilities(rows: number, heads: number, _kvHeads: number, positions: number): number {
    return attentionProbabilities(rows, heads, positions);
  }

  attentionScratch(positions: number, headWidth: number): number {
    return attentionScratch(positions, headWidth);
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
    attention(this, dst, q, cache, scratch, rows, heads, past, causal, probabilities, reuse, textSlots, texts);
  }

  attentionReceived(
    dst: number,
    probabilities: number,
    rows: number,
    heads: number,
    _kvHeads: number,
    past: number,
    causal: boolean,
  ): void {
    attentionReceived(this, dst, probabilities, rows, heads, past, causal);
  }

  add(dst: number, x: number, elements: number): void {
    add(this, dst, x, elements);
  }

  copy(to: number, from: number, bytes: number): void {
    copy(this, to, from, bytes);
  }

  argmax(x: number, elements: number, to = 0): Promise<number> {
    return argmax(this, x, elements, to);
  }

  sampleScratch(elements: number): number {
    return sampleScratch(elements);
  }

  sample(
    scratch: number,
    logits: number,
    elements: number,
    recent: number,
    recents: number,
    choice: TokenChoice,
    to = 0,
  ): Promise<number> {
    return sample(this, scratch, logits, elements, recent, recents, choice, to);
  }
}
