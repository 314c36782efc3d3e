import { type Matrix, WeightFormat } from "../../sdk/backend/backend.ts";
import type { KernelBuild } from "../../sdk/backend/wasm/build.ts";
import { Bench, numbers } from "../ops/harness.ts";
import type { Job } from "./measure.ts";

/** The matrices of one layer, [results, inputs]; those in one list share their input, which is quantized once. */
export const LAYERS = {
  smollm2: [[[576, 576], [192, 576], [192, 576]], [[576, 576]], [[1536, 576], [1536, 576]], [[576, 1536]]],
  vit_b: [[[768, 768], [768, 768], [768, 768]], [[768, 768]], [[3072, 768]], [[768, 3072]]],
} as const;
export type LayerName = keyof typeof LAYERS;

/** Multiplications and additions of all matrices of a layer, for one row. */
export function layerOps(layer: LayerName): number {
  return LAYERS[layer].flat().reduce((sum, [columns, width]) => sum + 2 * columns * width, 0);
}

/** All linears of a layer over `rows` rows, quantization of the inputs included. Work: operations. */
export class LayerBench {
  readonly #bench: Bench;
  readonly #x: number;
  readonly #quantized: number;
  readonly #dst: number;
  readonly #groups: readonly { matrices: readonly Matrix[] }[];

  private constructor(bench: Bench, readonly layer: LayerName, format: WeightFormat, maxRows: number, copies: number) {
    this.#bench = bench;
    const b = bench.backend;
    const widest = 3072;
    this.#x = bench.put(numbers(1, maxRows * widest));
    this.#quantized = bench.reserve(b.activationRowBytes(widest) * maxRows);
    this.#dst = bench.reserve(maxRows * widest * 4);
    const groups = LAYERS[layer].map((matrices) => ({
      matrices: matrices.map(([columns, width], i) =>
        bench.packed(numbers(i + 2, columns * width, 0.05), columns, width, format)
      ),
    }));
    const copyOf = (m: Matrix): Matrix => {
      const bytes = b.matrixBytes(m.columns, m.width, m.format);
      const address = bench.reserve(bytes);
      b.copy(address, m.address, bytes);
      return { ...m, address };
    };
    const rest = Array.from({ length: copies - 1 }, () => groups.map((g) => ({ matrices: g.matrices.map(copyOf) })));
    this.#groups = [groups, ...rest].flat();
  }

  /** @param copies Layers, each with weights of its own: as many as it takes for them not to stay in a cache. */
  static async create(
    layer: LayerName,
    format: WeightFormat,
    maxRows: number,
    { build = "relaxed", copies = 1 }: { build?: KernelBuild; copies?: number } = {},
  ) {
    // half of it is for work: rows, weights as they come in, and the copies
    const bytes = (192 << 20) + 2 * copies * layerOps(layer);
    return new LayerBench(await Bench.create(build, bytes), layer, format, maxRows, copies);
  }

  /** Bytes of all weights as the kernels read them. */
  get weightBytes(): number {
    const b = this.#bench.backend;
    const matrices = this.#groups.flatMap((g) => g.matrices);
    return matrices.reduce((sum, m) => sum + b.matrixBytes(m.columns, m.width, m.format), 0);
  }

  /** @param work What one run is counted as, where it is not the operations of one layer. */
  job(name: string, rows: number, work = rows * layerOps(this.layer)): Job {
    const b = this.#bench.backend;
    return {
      name,
      work,
      run: () => {
        for (const { matrices } of this.#groups) {
          b.quantize(this.#quantized, this.#x, rows, matrices[0]!.width);
          for (const m of matrices) b.linear(this.#dst, this.#x, this.#quantized, m, 0, rows, 0);
        }
      },
    };
  }
}

export const FORMATS = { q4: WeightFormat.q4, q8: WeightFormat.q8 } as const;
