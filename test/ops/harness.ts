import type { Backend, Matrix, Region, WeightFormat } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { packagedKernels } from "../../sdk/load.ts";

export const BUILDS: readonly KernelBuild[] = ["plain", "simd128", "relaxed"];

const ALIGNMENT = 64;
const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const BYTES = 16 << 20;

/** What a place is for, as plans name it: backends may keep these apart. */
export type Arena = "work" | "weights" | "kv cache";
/** Of 8 parts of the memory, in this order. */
const SHARES: readonly (readonly [Arena, number])[] = [["work", 4], ["weights", 2], ["kv cache", 2]];

/** A backend with some memory, and ways to put arrays into it and to get them back, whatever computes. */
export class Bench {
  readonly #arenas: Map<Arena, { next: number; readonly end: number }>;

  private constructor(readonly backend: Backend, regions: readonly Region[]) {
    this.#arenas = new Map(
      regions.map(({ name, address, bytes }) => [name as Arena, { next: address, end: address + bytes }]),
    );
  }

  static async create(kind: KernelBuild, bytes = BYTES): Promise<Bench> {
    return Bench.of(await WasmBackend.create(await packagedKernels(kind), kind, bytes), bytes);
  }

  /** @param backend One whose memory is not reserved yet; its addresses will end at `bytes`. */
  static of(backend: Backend, bytes = BYTES): Bench {
    let address = aligned(backend.base);
    const part = Math.floor((bytes - address) / 8 / ALIGNMENT) * ALIGNMENT;
    const regions = SHARES.map(([name, parts]): Region => {
      const region = { name, address, bytes: parts * part };
      address += region.bytes;
      return region;
    });
    backend.reserve(bytes, regions);
    return new Bench(backend, regions);
  }

  reserve(bytes: number, arena: Arena = "work"): number {
    const place = this.#arenas.get(arena)!;
    const at = place.next;
    place.next += aligned(bytes);
    if (place.next > place.end) throw new RangeError(`the bench is full: ${arena}`);
    return at;
  }

  /** As f32. */
  put(values: ArrayLike<number>, arena: Arena = "work"): number {
    return this.#put(Float32Array.from(values), arena);
  }

  /** As u32. */
  putWords(values: ArrayLike<number>): number {
    return this.#put(Uint32Array.from(values));
  }

  putBytes(bytes: Uint8Array): number {
    return this.#put(bytes);
  }

  #put(values: Uint8Array | Uint32Array | Float32Array, arena: Arena = "work"): number {
    const at = this.reserve(values.byteLength, arena);
    if (values.length > 0) this.backend.write(at, values);
    return at;
  }

  /** A copy of f32 elements. */
  get(address: number, elements: number): Promise<Float32Array<ArrayBuffer>> {
    return this.backend.read(address, elements);
  }

  /** A copy of bytes, a multiple of 4. */
  async getBytes(address: number, bytes: number): Promise<Uint8Array> {
    return new Uint8Array((await this.backend.read(address, bytes / 4)).buffer);
  }

  /** Puts bytes of a file where `dequantize` reads them. */
  load(bytes: Uint8Array): number {
    const at = this.backend.loadScratch(this.reserve(bytes.length), bytes.length);
    this.backend.bytes(at, bytes.length).set(bytes);
    return at;
  }

  /** A place for a matrix. */
  matrix(columns: number, width: number, format: WeightFormat): Matrix {
    const address = this.reserve(this.backend.matrixBytes(columns, width, format), "weights");
    return { address, format, columns, width };
  }

  /** `Backend.pack` of rows of a GGUF tensor into a matrix: its outcome. */
  pack({ address, columns, width, format }: Matrix, rows: Uint8Array, ggmlType: number): number {
    const staged = aligned(rows.length);
    const bytes = staged + this.backend.packScratch(width) * 4;
    const src = this.backend.loadScratch(this.reserve(bytes), bytes);
    this.backend.bytes(src, rows.length).set(rows);
    return this.backend.pack(address, src, columns, width, rows.length / columns, ggmlType, format, src + staged);
  }

  /** A matrix of f32 weights [columns, width], packed in a format. */
  packed(weights: Float32Array, columns: number, width: number, format: WeightFormat): Matrix {
    const matrix = this.matrix(columns, width, format);
    const outcome = this.pack(matrix, bytesOf(weights), 0);
    if (outcome !== 0) throw new Error(`pack gave ${outcome}`);
    return matrix;
  }
}

/** f32 numbers as a file holds them. */
export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
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
