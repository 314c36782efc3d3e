/**
 * The table of operations: each case computes one operation on a backend and the same formula in f64 here, from the
 * same inputs. Adding an operation takes two steps: write its kernel, add a function with its cases to `CASES`. Attention
 * has a table of its own, `attention_cases.ts`.
 *
 * `bound` is on the normalised mean square error. Plain kernels compute in f32 from f32 inputs. The SIMD twins may round
 * activations to 8 bits in blocks of 32; `simdBound` says so where it is larger.
 */
import { type Backend, Epilogue, WeightFormat } from "../../sdk/backend/backend.ts";
import { type Case, F32 } from "./case.ts";
import { type Bench, numbers } from "./harness.ts";

/** exp by a polynomial, relative error 2e-7, and f32 sums. */
const EXP = 1e-12;
/** 8-bit activations: (largest / rms)^2 / (12 * 127^2), with largest / rms about 2.5 in a block of 32. */
const ACTIVATIONS_8_BIT = 5e-5;
/** The same of products of two such numbers, which stray further: largest / rms about 4. */
export const PRODUCTS_8_BIT = 1e-4;
/** The rounding of the rounding: each of the two steps loses a part in 127. */
const TWO_TERMS = 5e-9;

export function rmsNormOf(x: Float32Array, w: Float32Array): Float64Array {
  const scale = 1 / Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length + 1e-5);
  return Float64Array.from(x, (v, i) => v * scale * w[i]!);
}

function layerNormOf(x: Float32Array, w: Float32Array, bias: Float32Array): Float64Array {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  const scale = 1 / Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length + 1e-6);
  return Float64Array.from(x, (v, i) => (v - mean) * scale * w[i]! + bias[i]!);
}

export const siluOf = (x: number) => x / (1 + Math.exp(-x));

function rmsNorm(rows: number, width: number): Case {
  return {
    name: `rms_norm [${rows}, ${width}]`,
    bound: F32,
    async run(bench) {
      const [x, w] = [numbers(1, rows * width, 3), numbers(2, width)];
      const at = bench.put(x);
      bench.backend.rmsNorm(at, at, bench.put(w, "weights"), rows, width, 1e-5);
      const want = new Float64Array(rows * width);
      for (let r = 0; r < rows; r++) {
        want.set(rmsNormOf(x.subarray(r * width, (r + 1) * width), w), r * width);
      }
      return { got: await bench.get(at, rows * width), want };
    },
  };
}

function layerNorm(rows: number, width: number): Case {
  return {
    name: `layer_norm [${rows}, ${width}]`,
    bound: F32,
    async run(bench) {
      const [x, w, bias] = [numbers(3, rows * width, 2).map((v) => v + 5), numbers(4, width), numbers(5, width)];
      const dst = bench.reserve(rows * width * 4);
      const [weight, shift] = [bench.put(w, "weights"), bench.put(bias, "weights")];
      bench.backend.layerNorm(dst, bench.put(x), weight, shift, rows, width, 1e-6);
      const want = new Float64Array(rows * width);
      for (let r = 0; r < rows; r++) {
        want.set(layerNormOf(x.subarray(r * width, (r + 1) * width), w, bias), r * width);
      }
      return { got: await bench.get(dst, rows * width), want };
    },
  };
}

/** Packs f32 rows in a format; returns the matrix and what its weights really are, read back through `embed`. */
export async function packed(
  bench: Bench,
  weights: Float32Array,
  columns: number,
  width: number,
  format: WeightFormat,
) {
  const matrix = bench.packed(weights, columns, width, format);
  const rows = bench.reserve(columns * width * 4);
  const ids = bench.putWords(Array.from({ length: columns }, (_, i) => i));
  bench.backend.embed(rows, matrix, ids, columns);
  return { matrix, real: await bench.get(rows, columns * width) };
}

export const FORMAT_NAME = ["f32", "f16", "q8", "q4", "q4_min"];
/** How far each format's weights may be from the ones given: the rounding of its steps, for normal weights. */
const FORMAT_ERROR = [0, 1e-7, 3e-5, 9e-3, 8e-3];

function pack(format: WeightFormat): Case {
  const [columns, width] = [27, 100];
  return {
    name: `pack, embed: ${FORMAT_NAME[format]} [${columns}, ${width}]`,
    bound: FORMAT_ERROR[format]!,
    async run(bench) {
      const weights = numbers(6, columns * width, 0.1);
      const { real } = await packed(bench, weights, columns, width, format);
      return { got: real, want: Float64Array.from(weights) };
    },
  };
}

function linear(
  format: WeightFormat,
  rows: number,
  width: number,
  columns: number,
  epilogue: Epilogue,
  bias: boolean,
): Case {
  const how = ["store", "add", "gelu"][epilogue];
  return {
    name: `linear ${FORMAT_NAME[format]} [${rows}, ${width}] x [${columns}, ${width}] ${how}${bias ? " bias" : ""}`,
    bound: F32 * 10,
    ...(format >= WeightFormat.q8 ? { simdBound: ACTIVATIONS_8_BIT } : {}),
    async run(bench) {
      const b = bench.backend;
      const { matrix, real } = await packed(bench, numbers(7, columns * width, 0.1), columns, width, format);
      const [x, before, biases] = [numbers(8, rows * width), numbers(9, rows * columns), numbers(10, columns)];
      const [at, dst] = [bench.put(x), bench.put(before)];
      const quantized = bench.reserve(b.activationRowBytes(width) * rows);
      b.quantize(quantized, at, rows, width);
      b.linear(dst, at, quantized, matrix, bias ? bench.put(biases, "weights") : 0, rows, epilogue);
      const want = new Float64Array(rows * columns);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          let sum = bias ? biases[c]! : 0;
          for (let k = 0; k < width; k++) sum += x[r * width + k]! * real[c * width + k]!;
          const i = r * columns + c;
          want[i] = epilogue === Epilogue.add ? before[i]! + sum : epilogue === Epilogue.gelu ? geluOf(sum) : sum;
        }
      }
      return { got: await bench.get(dst, rows * columns), want };
    },
  };
}

/** A product whose input and its rounding error go through as two rows: exact to 16 bits. */
function twoTerms(format: WeightFormat, width: number, columns: number): Case {
  return {
    name: `rounding_error, linear ${FORMAT_NAME[format]} [2, ${width}] x [${columns}, ${width}]`,
    bound: F32 * 10,
    simdBound: TWO_TERMS,
    async run(bench) {
      const b = bench.backend;
      const { matrix, real } = await packed(bench, numbers(26, columns * width, 0.1), columns, width, format);
      const x = numbers(27, width);
      const at = bench.put([...x, ...x]);
      b.roundingError(at + width * 4, at, width);
      const [quantized, dst] = [bench.reserve(b.activationRowBytes(width) * 2), bench.reserve(columns * 8)];
      b.quantize(quantized, at, 2, width);
      b.linear(dst, at, quantized, matrix, 0, 2, Epilogue.store);
      b.add(dst, dst + columns * 4, columns);
      const want = Float64Array.from(
        { length: columns },
        (_, c) => x.reduce((sum, v, k) => sum + v * real[c * width + k]!, 0),
      );
      return { got: await bench.get(dst, columns), want };
    },
  };
}

/** A fused operation and its formula, both of a row x and of numbers w: weights of a norm, or a row that gates. */
interface Fused {
  readonly name: string;
  make(b: Backend, dst: number, x: number, w: number, rows: number, width: number): void;
  of(x: Float32Array, w: Float32Array): Float64Array;
  /** True if w are weights. */
  readonly weights?: boolean;
}

const FUSED: readonly Fused[] = [
  {
    name: "rms_norm_quantize",
    make: (b, dst, x, w, rows, width) => b.rmsNormQuantize(dst, x, w, rows, width, 1e-5),
    of: rmsNormOf,
    weights: true,
  },
  {
    name: "layer_norm_quantize",
    make: (b, dst, x, w, rows, width) => b.layerNormQuantize(dst, x, w, w, rows, width, 1e-6),
    of: (x, w) => layerNormOf(x, w, w),
    weights: true,
  },
  {
    name: "swiglu_quantize",
    make: (b, dst, x, w, rows, width) => b.swigluQuantize(dst, x, w, rows, width),
    of: (x, w) => Float64Array.from(x, (v, i) => siluOf(v) * w[i]!),
  },
  {
    name: "gelu_quantize",
    make: (b, dst, x, _w, rows, width) => b.geluQuantize(dst, x, rows, width),
    of: (x) => Float64Array.from(x, geluOf),
  },
];

/** The records of a fused operation, told by a product that reads them; w is the same for all rows. */
function fused({ name, make, of, weights = false }: Fused, rows: number, width: number): Case {
  const columns = 24;
  return {
    name: `${name}, linear q8 [${rows}, ${width}] x [${columns}, ${width}]`,
    bound: F32 * 10,
    simdBound: PRODUCTS_8_BIT,
    async run(bench) {
      const b = bench.backend;
      const { matrix, real } = await packed(bench, numbers(28, columns * width, 0.1), columns, width, q8);
      const [x, w] = [numbers(29, rows * width, 2), numbers(30, width)];
      const [quantized, dst] = [bench.reserve(b.activationRowBytes(width) * rows), bench.reserve(rows * columns * 4)];
      const every = Float32Array.from({ length: rows * width }, (_, i) => w[i % width]!);
      make(b, quantized, bench.put(x), bench.put(every, weights ? "weights" : "work"), rows, width);
      b.linear(dst, 0, quantized, matrix, 0, rows, Epilogue.store);
      const want = new Float64Array(rows * columns);
      for (let r = 0; r < rows; r++) {
        const input = of(x.subarray(r * width, (r + 1) * width), w);
        for (let c = 0; c < columns; c++) {
          want[r * columns + c] = input.reduce((sum, v, k) => sum + v * real[c * width + k]!, 0);
        }
      }
      return { got: await bench.get(dst, rows * columns), want };
    },
  };
}

const geluOf = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

function swiglu(elements: number): Case {
  return {
    name: `swiglu [${elements}]`,
    bound: EXP,
    async run(bench) {
      const [gate, up] = [numbers(11, elements, 8), numbers(12, elements)];
      const at = bench.put(gate);
      bench.backend.swiglu(at, at, bench.put(up), elements);
      const want = Float64Array.from(gate, (x, i) => siluOf(x) * up[i]!);
      return { got: await bench.get(at, elements), want };
    },
  };
}

function rope(rows: number, heads: number, headWidth: number): Case {
  const stride = heads * headWidth;
  return {
    name: `rope [${rows}, ${heads}, ${headWidth}]`,
    bound: F32,
    async run(bench) {
      const x = numbers(13, rows * stride);
      const angles = numbers(14, rows * headWidth / 2, 3);
      const turns = Float32Array.from(
        { length: rows * headWidth },
        (_, i) => (i % 2 ? Math.sin : Math.cos)(angles[i >> 1]!),
      );
      const at = bench.put(x);
      bench.backend.rope(at, bench.put(turns), rows, heads, headWidth, stride);
      const want = Float64Array.from(x, (_, i) => {
        const [r, pair] = [Math.floor(i / stride), (i % headWidth) >> 1];
        const [cos, sin] = [turns[r * headWidth + 2 * pair]!, turns[r * headWidth + 2 * pair + 1]!];
        return i % 2 ? x[i - 1]! * sin + x[i]! * cos : x[i]! * cos - x[i + 1]! * sin;
      });
      return { got: await bench.get(at, rows * stride), want };
    },
  };
}

function patches(size: number, patch: number): Case {
  return {
    name: `patches ${size} px by ${patch}`,
    bound: F32,
    async run(bench) {
      const rgb = Uint8Array.from(numbers(18, size * size * 3), (v) => Math.abs(v * 100) % 256);
      const [mean, deviation] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
      const grid = size / patch;
      const elements = size * size * 3;
      const dst = bench.reserve(elements * 4);
      bench.backend.patches(dst, bench.putBytes(rgb), size, patch, bench.put(mean), bench.put(deviation));
      const want = new Float64Array(elements);
      for (let i = 0, p = 0; p < grid * grid; p++) {
        for (let c = 0; c < 3; c++) {
          for (let y = 0; y < patch; y++) {
            for (let x = 0; x < patch; x++) {
              const pixel = (Math.floor(p / grid) * patch + y) * size + (p % grid) * patch + x;
              want[i++] = (rgb[pixel * 3 + c]! / 255 - Math.fround(mean[c]!)) / Math.fround(deviation[c]!);
            }
          }
        }
      }
      return { got: await bench.get(dst, elements), want };
    },
  };
}

function pixelShuffle(grid: number, width: number, scale: number): Case {
  return {
    name: `pixel_shuffle ${grid} x ${grid} x ${width} by ${scale}`,
    bound: 0,
    async run(bench) {
      const x = numbers(19, grid * grid * width);
      const dst = bench.reserve(x.length * 4);
      bench.backend.pixelShuffle(dst, bench.put(x), grid, width, scale);
      const want: number[] = [];
      const tokens = grid / scale;
      for (let t = 0; t < tokens * tokens; t++) {
        for (let n = 0; n < scale * scale; n++) {
          const row = Math.floor(t / tokens) * scale + Math.floor(n / scale);
          const column = (t % tokens) * scale + n % scale;
          want.push(...x.subarray((row * grid + column) * width, (row * grid + column + 1) * width));
        }
      }
      return { got: await bench.get(dst, x.length), want: Float64Array.from(want) };
    },
  };
}

function add(elements: number): Case {
  return {
    name: `add [${elements}]`,
    bound: F32,
    async run(bench) {
      const [a, x] = [numbers(20, elements), numbers(21, elements)];
      const dst = bench.put(a);
      bench.backend.add(dst, bench.put(x), elements);
      return { got: await bench.get(dst, elements), want: Float64Array.from(a, (v, i) => v + x[i]!) };
    },
  };
}

const { f32, f16, q8, q4, q4Min } = WeightFormat;
const { store, add: addTo, gelu } = Epilogue;

/** Products of so many rows that other kernels do them: in one small square, in large ones, and what fills neither. */
export const MANY_ROWS: readonly Case[] = [q8, q4, q4Min].flatMap((format) => [
  linear(format, 9, 576, 32, store, true),
  linear(format, 33, 99, 27, addTo, false),
  linear(format, 513, 64, 964, store, false),
  linear(format, 515, 99, 913, addTo, true),
]);

export const CASES: readonly Case[] = [
  rmsNorm(1, 576),
  rmsNorm(5, 99),
  layerNorm(3, 384),
  layerNorm(2, 77),
  ...[f32, f16, q8, q4, q4Min].map(pack),
  ...[f32, f16, q8, q4, q4Min].flatMap((format) => [
    linear(format, 1, 576, 192, store, false),
    linear(format, 7, 96, 36, addTo, false),
    linear(format, 6, 160, 64, gelu, true),
    linear(format, 2, 588, 20, store, true),
    linear(format, 13, 32, 8, addTo, true),
  ]),
  twoTerms(q8, 576, 204),
  twoTerms(q4, 100, 8),
  twoTerms(q4Min, 1536, 24),
  ...[q8, q4, q4Min].map((format) => linear(format, 9, 3072, 16, store, false)),
  swiglu(1536),
  swiglu(7),
  ...FUSED.flatMap((operation) => [fused(operation, 1, 576), fused(operation, 7, 100)]),
  rope(3, 9, 64),
  rope(1, 3, 32),
  patches(28, 14),
  patches(64, 8),
  pixelShuffle(8, 24, 2),
  pixelShuffle(8, 5, 4),
  add(33),
];
