import { type Matrix, WeightFormat } from "../../sdk/backend/backend.ts";
import type { WebGpuBackend, WebGpuOptions } from "../../sdk/backend/webgpu/backend.ts";
import { numbers } from "../ops/harness.ts";
import { gpuBackend } from "./gpu.ts";

export const FORMATS = Object.entries(WeightFormat);

/** A backend on a GPU, and places in its work area and among its weights. */
export class Desk {
  #work: number;
  #weights: number;

  private constructor(readonly backend: WebGpuBackend, work: number, weights: number) {
    this.#work = work;
    this.#weights = weights;
  }

  static async create(device: GPUDevice, options: WebGpuOptions = {}): Promise<Desk> {
    const sizes = [["work", options.maxBinding ?? 4 << 20], ["weights", 4 << 20]] as const;
    const { backend, regions } = await gpuBackend(device, sizes, options);
    return new Desk(backend, regions[0]!.address, regions[1]!.address);
  }

  work(bytes: number): number {
    return (this.#work += Math.ceil(bytes / 64) * 64) - Math.ceil(bytes / 64) * 64;
  }

  put(values: Float32Array | Uint32Array): number {
    const address = this.work(values.byteLength);
    this.backend.write(address, values);
    return address;
  }

  weights(bytes: number): number {
    return (this.#weights += Math.ceil(bytes / 64) * 64) - Math.ceil(bytes / 64) * 64;
  }

  putWeights(values: Float32Array): number {
    const address = this.weights(values.byteLength);
    this.backend.write(address, values);
    return address;
  }

  /** A packed matrix of seeded numbers. */
  matrix(seed: number, columns: number, width: number, format: WeightFormat): Matrix {
    const b = this.backend;
    const given = numbers(seed, columns * width, 0.1);
    const source = b.loadScratch(0, given.byteLength);
    b.bytes(source, given.byteLength).set(new Uint8Array(given.buffer));
    const address = this.weights(b.matrixBytes(columns, width, format));
    const scratch = b.loadScratch(0, b.packScratch(width) * 4);
    const outcome = b.pack(address, source, columns, width, width * 4, 0, format, scratch);
    if (outcome !== 0) throw new Error(`pack gave ${outcome}`);
    return { address, format, columns, width };
  }
}

/** Bits, which tell every f32 from every other. */
export function bits(values: Float32Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
