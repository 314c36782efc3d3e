import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { packagedKernels } from "../../sdk/load.ts";

export const BUILDS: readonly KernelBuild[] = ["plain", "simd128", "relaxed"];

/** A backend with some memory, and a way to put arrays into it. */
export class Bench {
  #next: number;
  private constructor(readonly backend: WasmBackend) {
    this.#next = Math.ceil(backend.base / 64) * 64;
  }

  static async create(build: KernelBuild, bytes = 16 << 20): Promise<Bench> {
    const backend = await WasmBackend.create(await packagedKernels(build), build, bytes);
    backend.reserve(bytes);
    return new Bench(backend);
  }

  reserve(bytes: number): number {
    const at = this.#next;
    this.#next += Math.ceil(bytes / 64) * 64;
    if (this.#next > this.backend.memory.buffer.byteLength) throw new RangeError("the bench is full");
    return at;
  }

  put(values: ArrayLike<number>): number {
    const at = this.reserve(values.length * 4);
    this.backend.floats(at, values.length).set(values);
    return at;
  }

  putBytes(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length);
    this.backend.write(at, bytes);
    return at;
  }

  get(address: number, elements: number): Float32Array {
    return this.backend.floats(address, elements).slice();
  }
}

/** Seeded numbers, roughly normal: sums of four uniform ones (mulberry32). */
export function numbers(seed: number, count: number, scale = 1): Float32Array {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform() + uniform() - 2) * 1.73 * scale);
}

/** sum (got - want)^2 / sum want^2 */
export function normalisedError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, power] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    error += (got[i]! - want[i]!) ** 2;
    power += want[i]! ** 2;
  }
  return power === 0 ? error : error / power;
}
