import { LorisError } from "../../errors.ts";

/** A part of a buffer as a shader sees it. */
export interface Binding {
  readonly buffer: GPUBuffer;
  /** A multiple of 256. */
  readonly offset: number;
  readonly size: number;
}

/** A pipeline, with the layout that its buffers are bound by. */
export interface BoundPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Workgroups in x, y and z. */
export type Groups = readonly [number, number?, number?];

/** Results on their way to the CPU, in a buffer that can be mapped. */
interface Batch {
  readonly staging: GPUBuffer;
  bytes: number;
  readonly reads: {
    readonly bytes: number;
    readonly resolve: (bytes: ArrayBuffer) => void;
    readonly reject: (reason: unknown) => void;
  }[];
}

/** Bytes of a dispatch's parameters, as far apart as dynamic offsets have to be at most. */
const PARAM_BYTES = 256;
/** Dispatches that one submission has at most. */
const MAX_DISPATCHES = 2048;
/** Small writes travel with the commands; larger ones go by themselves. */
const UPLOAD_BYTES = 1 << 20;
const MAX_SMALL_WRITE = 1 << 17;
const MIN_STAGING = 1 << 12;

/**
 * Commands in the making: dispatches, copies and small writes are recorded in their order into one command buffer, which is
 * submitted when a result is read or when it is full. Reads of one turn of the event loop share one mapping.
 */
export class Recorder {
  readonly #device: GPUDevice;
  readonly #params = new Uint8Array(MAX_DISPATCHES * PARAM_BYTES);
  readonly #paramBuffer: GPUBuffer;
  readonly #upload = new Uint8Array(UPLOAD_BYTES);
  readonly #uploadBuffer: GPUBuffer;
  readonly #bindGroups = new Map<GPUBindGroupLayout, Map<string, GPUBindGroup>>();
  readonly #bufferIds = new Map<GPUBuffer, number>();
  readonly #staging: GPUBuffer[] = [];
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #dispatches = 0;
  #uploaded = 0;
  /** Of this turn of the event loop. */
  #batches: Batch[] = [];
  /** Why nothing can be computed any more. */
  #failure: LorisError | undefined;
  #submissions = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#paramBuffer = device.createBuffer({
      ...{ label: "parameters", size: this.#params.length, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST },
    });
    this.#uploadBuffer = device.createBuffer({
      ...{ label: "uploads", size: UPLOAD_BYTES, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST },
    });
  }

  /** Bytes of the buffers that it works with. */
  get bytes(): number {
    return this.#paramBuffer.size + UPLOAD_BYTES + this.#staging.reduce((sum, { size }) => sum + size, 0);
  }

  /** Command buffers submitted since it was made. */
  get submissions(): number {
    return this.#submissions;
  }

  /** Ends everything with a reason: reads that wait, and all later ones. The first reason holds. */
  fail(reason: LorisError): void {
    this.#failure ??= reason;
    for (const batch of this.#batches.splice(0)) refuse(batch, this.#failure);
  }

  /** @param params The uniform struct's bytes. */
  dispatch(
    { pipeline, layout }: BoundPipeline,
    bindings: readonly Binding[],
    params: Uint8Array,
    groups: Groups,
  ): void {
    if (this.#failure) return;
    if (this.#dispatches === MAX_DISPATCHES) this.flush();
    const offset = this.#dispatches++ * PARAM_BYTES;
    this.#params.set(params, offset);
    const pass = this.#computePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#bindGroup(layout, bindings), [offset]);
    pass.dispatchWorkgroups(...groups as [number, number?, number?]);
  }

  /** Writes whole words, in the order of the commands; the bytes are read before this returns. */
  write(buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#failure) return;
    const size = Math.ceil(bytes.length / 4) * 4;
    if (size > MAX_SMALL_WRITE) {
      this.flush();
      this.#writeNow(buffer, offset, bytes, size);
      return;
    }
    if (this.#uploaded + size > UPLOAD_BYTES) this.flush();
    this.#upload.set(bytes, this.#uploaded);
    this.#upload.fill(0, this.#uploaded + bytes.length, this.#uploaded + size);
    this.copy(buffer, offset, this.#uploadBuffer, this.#uploaded, size);
    this.#uploaded += size;
  }

  /** Copies between two buffers. */
  copy(to: GPUBuffer, toOffset: number, from: GPUBuffer, fromOffset: number, bytes: number): void {
    if (this.#failure) return;
    this.#outsidePass().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  clear(buffer: GPUBuffer, offset: number, bytes: number): void {
    if (this.#failure) return;
    this.#outsidePass().clearBuffer(buffer, offset, bytes);
  }

  /**
   * Bytes as they are after all commands recorded so far.
   *
   * @throws {LorisError} `gpu_failed` if the device was lost or refused a command.
   */
  read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    if (this.#failure) return Promise.reject(this.#failure);
    let batch = this.#batches.at(-1);
    if (!batch || batch.bytes + bytes > batch.staging.size) {
      // others of the same turn come along
      if (this.#batches.length === 0) queueMicrotask(() => this.#collect());
      this.#batches.push(batch = { staging: this.#stagingBuffer(bytes), bytes: 0, reads: [] });
    }
    this.copy(batch.staging, batch.bytes, buffer, offset, bytes);
    batch.bytes += bytes;
    return new Promise((resolve, reject) => batch.reads.push({ bytes, resolve, reject }));
  }

  /** Submits what is recorded. */
  flush(): void {
    if (!this.#encoder || this.#failure) return;
    this.#outsidePass();
    const { queue } = this.#device;
    if (this.#uploaded > 0) queue.writeBuffer(this.#uploadBuffer, 0, this.#upload, 0, this.#uploaded);
    if (this.#dispatches > 0) queue.writeBuffer(this.#paramBuffer, 0, this.#params, 0, this.#dispatches * PARAM_BYTES);
    queue.submit([this.#encoder.finish()]);
    this.#submissions++;
    this.#encoder = undefined;
    this.#dispatches = this.#uploaded = 0;
  }

  destroy(): void {
    for (const buffer of [this.#paramBuffer, this.#uploadBuffer, ...this.#staging]) buffer.destroy();
  }

  #computePass(): GPUComputePassEncoder {
    return this.#pass ??= (this.#encoder ??= this.#device.createCommandEncoder()).beginComputePass();
  }

  #outsidePass(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#encoder ??= this.#device.createCommandEncoder();
  }

  #writeNow(buffer: GPUBuffer, offset: number, bytes: Uint8Array<ArrayBuffer>, size: number): void {
    const whole = bytes.length - bytes.length % 4;
    this.#device.queue.writeBuffer(buffer, offset, bytes, 0, whole);
    if (whole === size) return;
    const rest = new Uint8Array(4);
    rest.set(bytes.subarray(whole));
    this.#device.queue.writeBuffer(buffer, offset + whole, rest);
  }

  #bindGroup(layout: GPUBindGroupLayout, bindings: readonly Binding[]): GPUBindGroup {
    let groups = this.#bindGroups.get(layout);
    if (!groups) this.#bindGroups.set(layout, groups = new Map());
    let key = "";
    for (const { buffer, offset, size } of bindings) key += `${this.#id(buffer)} ${offset} ${size} `;
    let group = groups.get(key);
    if (group) return group;
    const entries = [
      { binding: 0, resource: { buffer: this.#paramBuffer, size: PARAM_BYTES } },
      ...bindings.map((resource, i) => ({ binding: i + 1, resource })),
    ];
    groups.set(key, group = this.#device.createBindGroup({ layout, entries }));
    return group;
  }

  #id(buffer: GPUBuffer): number {
    let id = this.#bufferIds.get(buffer);
    if (id === undefined) this.#bufferIds.set(buffer, id = this.#bufferIds.size);
    return id;
  }

  #collect(): void {
    const batches = this.#batches.splice(0);
    if (batches.length > 0) this.flush();
    for (const batch of batches) this.#deliver(batch);
  }

  async #deliver(batch: Batch): Promise<void> {
    const { staging, bytes, reads } = batch;
    try {
      await staging.mapAsync(GPUMapMode.READ, 0, bytes);
      if (this.#failure) throw this.#failure;
      const mapped = staging.getMappedRange(0, bytes).slice(0);
      staging.unmap();
      this.#staging.push(staging);
      let at = 0;
      for (const { bytes, resolve } of reads) resolve(mapped.slice(at, at += bytes));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const message = `the GPU gave no result: ${why}; ask again, or load with backend: "wasm"`;
      refuse(batch, this.#failure ?? new LorisError("gpu_failed", message, { param: "backend", cause }));
    }
  }

  /** One that is not in use, of at least so many bytes. */
  #stagingBuffer(bytes: number): GPUBuffer {
    const place = this.#staging.findIndex(({ size }) => size >= bytes);
    if (place >= 0) return this.#staging.splice(place, 1)[0]!;
    const size = Math.max(MIN_STAGING, 2 ** Math.ceil(Math.log2(bytes)));
    return this.#device.createBuffer({
      label: "results",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }
}

/** What will not be mapped goes back at once. */
function refuse({ staging, reads }: Batch, reason: LorisError): void {
  staging.destroy();
  for (const { reject } of reads) reject(reason);
}
