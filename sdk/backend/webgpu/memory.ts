import type { Region, WeightFormat } from "../backend.ts";
import type { WasmBackend } from "../wasm/backend.ts";
import type { Operation, ParamType } from "./operation.ts";
import { Pipelines } from "./pipelines.ts";
import { type Binding, type Groups, Recorder } from "./recorder.ts";
import { type Segment, Segments } from "./segments.ts";
import type { ShaderConstants } from "./shader_text.ts";

/** How operations are computed, where there is a choice; for all of them see `Capabilities`. */
export interface Variants {
  /** Products of many rows add up in 16-bit floats, block by block. */
  readonly f16: boolean;
  /** Sums over lanes are made within subgroups first. */
  readonly subgroups: boolean;
}

/** Workgroups in x, when there are more than one dimension takes. */
const MAX_GROUPS = 32768;

/** What a shader is given of an address: the buffer that it lies in, and its place there in words. */
export interface Operand {
  readonly binding: Binding;
  readonly word: number;
  readonly segment: Segment;
}

/**
 * A GPU's memory behind flat addresses, and how operations are called on it. Weights are converted by the CPU's kernels, in
 * a small memory of theirs, and copied over piece by piece.
 */
export class DeviceMemory {
  readonly device: GPUDevice;
  readonly recorder: Recorder;
  readonly variants: Variants;
  readonly #host: WasmBackend;
  readonly #pipelines: Pipelines;
  readonly #answer: GPUBuffer;
  readonly #nothing: GPUBuffer;
  readonly #maxBinding: number;
  readonly #params = new ArrayBuffer(256);
  readonly #paramWords = new Uint32Array(this.#params);
  readonly #paramFloats = new Float32Array(this.#params);
  #segments: Segments | undefined;
  #hostEnd: number;

  /**
   * @param host Converts weights; with nothing else in its memory.
   * @param maxBinding Bytes that a shader sees of a buffer at most; the device's own limit if that is lower.
   */
  constructor(device: GPUDevice, host: WasmBackend, maxBinding: number, variants: Variants) {
    this.device = device;
    this.variants = variants;
    this.#host = host;
    this.#hostEnd = host.base;
    this.#maxBinding = Math.min(maxBinding, device.limits.maxStorageBufferBindingSize);
    this.recorder = new Recorder(device);
    this.#pipelines = new Pipelines(device);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#answer = device.createBuffer({ label: "answer", size: 4, usage });
    this.#nothing = device.createBuffer({ label: "nothing", size: 256, usage });
  }

  /** Addresses begin where they do on the CPU, so that plans are alike; none is 0, which means "none". */
  get base(): number {
    return 1024;
  }

  /** Of the GPU's memory, and of the CPU's in which weights are converted. */
  get memoryBytes(): number {
    const device = (this.#segments?.bytes ?? 0) + this.recorder.bytes + this.#answer.size + this.#nothing.size;
    return device + this.#host.memoryBytes;
  }

  reserve(_end: number, regions: readonly Region[]): void {
    this.#segments = new Segments(this.device, regions, this.#maxBinding);
  }

  matrixBytes(columns: number, width: number, format: WeightFormat): number {
    return this.#host.matrixBytes(columns, width, format);
  }

  write(address: number, values: Uint8Array | Uint32Array | Float32Array): void {
    const { segment, offset } = this.#at(address);
    const bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
    this.recorder.write(segment.buffer, offset, bytes);
  }

  clear(address: number, bytes: number): void {
    const { segment, offset } = this.#at(address);
    this.recorder.clear(segment.buffer, offset, bytes);
  }

  async read(address: number, elements: number): Promise<Float32Array<ArrayBuffer>> {
    const { segment, offset } = this.#at(address);
    return new Float32Array(await this.recorder.read(segment.buffer, offset, elements * 4));
  }

  async edit(address: number, elements: number, change: (values: Float32Array<ArrayBuffer>) => void): Promise<void> {
    const values = await this.read(address, elements);
    change(values);
    this.write(address, values);
  }

  loadScratch(_planned: number, bytes: number): number {
    const address = this.#hostEnd;
    this.#hostEnd += Math.ceil(bytes / 64) * 64;
    this.#host.reserve(this.#hostEnd);
    return address;
  }

  bytes(address: number, length: number): Uint8Array {
    return this.#host.bytes(address, length);
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
    const bytes = this.matrixBytes(rows, width, format);
    this.#host.reserve(this.#hostEnd + bytes);
    const outcome = this.#host.pack(this.#hostEnd, src, rows, width, rowBytes, ggmlType, format, scratch);
    if (outcome === 0) this.write(dst, this.#host.bytes(this.#hostEnd, bytes));
    return outcome;
  }

  packScratch(width: number): number {
    return this.#host.packScratch(width);
  }

  dequantize(dst: number, src: number, elements: number, ggmlType: number): number {
    this.#host.reserve(this.#hostEnd + elements * 4);
    const outcome = this.#host.dequantize(this.#hostEnd, src, elements, ggmlType);
    if (outcome === 0) this.write(dst, this.#host.bytes(this.#hostEnd, elements * 4));
    return outcome;
  }

  /** Ends all work and gives the GPU's memory back. */
  destroy(): void {
    this.#segments?.destroy();
    this.recorder.destroy();
    this.#answer.destroy();
    this.#nothing.destroy();
  }

  /** The whole buffer that an address lies in. */
  operand(address: number): Operand {
    const { segment, offset } = this.#at(address);
    return { binding: { buffer: segment.buffer, offset: 0, size: segment.buffer.size }, word: offset / 4, segment };
  }

  /** A window of a buffer from an address on, where the buffer is larger than a binding can be. */
  window(address: number, bytes: number): Operand {
    const { segment, offset } = this.#at(address);
    if (segment.buffer.size <= this.#maxBinding) return this.operand(address);
    const start = offset - offset % 256;
    const size = Math.min(segment.buffer.size - start, offset - start + Math.ceil(bytes / 4) * 4);
    return { binding: { buffer: segment.buffer, offset: start, size }, word: (offset - start) / 4, segment };
  }

  /** Bytes that a window can have at most. */
  get maxWindow(): number {
    return this.#maxBinding - 256;
  }

  /** What stands in the place of a buffer that a variant does not use. */
  get nothing(): Binding {
    return { buffer: this.#nothing, offset: 0, size: this.#nothing.size };
  }

  /** Where an operation leaves a u32 for the CPU, which `takeAnswer` has to ask for before the next one does. */
  get answer(): Binding {
    return { buffer: this.#answer, offset: 0, size: this.#answer.size };
  }

  /** What the operation before has left. @param to 0, or an address where it is left as well. */
  async takeAnswer(to: number): Promise<number> {
    if (to !== 0) {
      const { segment, offset } = this.#at(to);
      this.recorder.copy(segment.buffer, offset, this.#answer, 0, 4);
    }
    return new Uint32Array(await this.recorder.read(this.#answer, 0, 4))[0]!;
  }

  /** Records a call of a variant of an operation. */
  run<P extends string>(
    operation: Operation<P>,
    constants: ShaderConstants,
    bindings: readonly Binding[],
    params: Readonly<Record<P, number>>,
    groups: Groups,
  ): void {
    let field = 0;
    for (const name in operation.params) {
      const type: ParamType = operation.params[name];
      if (type === "u32") this.#paramWords[field++] = params[name];
      else this.#paramFloats[field++] = params[name];
    }
    const bytes = new Uint8Array(this.#params, 0, field * 4);
    this.recorder.dispatch(this.#pipelines.get(operation, constants), bindings, bytes, groups);
  }

  #at(address: number) {
    if (!this.#segments) throw new RangeError("the memory is not reserved yet");
    return this.#segments.at(address);
  }
}

/** So many workgroups, in a grid that the limits allow. */
export function gridOf(groups: number): Groups {
  return groups <= MAX_GROUPS ? [groups] : [MAX_GROUPS, Math.ceil(groups / MAX_GROUPS)];
}
