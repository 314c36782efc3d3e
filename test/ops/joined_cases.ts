/** The part of the table with operations that are several others in one; see `cases.ts`. */
import {
  Epilogue,
  KvFormat,
  type KvLayer,
  kvLayerBytes,
  type Matrix,
  WeightFormat,
} from "../../sdk/backend/backend.ts";
import { type Case, F32 } from "./case.ts";
import { FORMAT_NAME, packed, PRODUCTS_8_BIT, rmsNormOf, siluOf } from "./cases.ts";
import { type Bench, numbers } from "./harness.ts";

const EPS = 1e-5;

/** input matrix^T, in f64. */
function productOf(input: ArrayLike<number>, real: Float32Array, columns: number): Float64Array {
  const width = input.length;
  return Float64Array.from({ length: columns }, (_, c) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += input[k]! * real[c * width + k]!;
    return sum;
  });
}

function inputOf(bench: Bench, rows: number, width: number) {
  const floats = bench.reserve(rows * width * 4);
  return { floats, quantized: bench.reserve(rows * bench.backend.activationRowBytes(width)) };
}

/** Matrices of some formats and columns; in one buffer they are one dispatch on a GPU, where formats are alike. */
function rmsNormLinear(
  formats: readonly WeightFormat[],
  rows: number,
  width: number,
  columns: readonly number[],
): Case {
  const names = formats.map((format) => FORMAT_NAME[format]).join(", ");
  return {
    name: `rms_norm_linear [${rows}, ${width}] to ${columns.join(", ")}: ${names}`,
    bound: F32 * 10,
    // a normalized row is a product of two such numbers
    simdBound: PRODUCTS_8_BIT,
    async run(bench) {
      const [x, w] = [numbers(31, rows * width, 2), numbers(32, width)];
      const matrices = [];
      for (const [i, format] of formats.entries()) {
        matrices.push(await packed(bench, numbers(33 + i, columns[i]! * width, 0.1), columns[i]!, width, format));
      }
      const [at, weight] = [bench.put(x), bench.put(w, "weights")];
      const products = matrices.map(({ matrix }) => ({ dst: bench.reserve(rows * matrix.columns * 4), matrix }));
      bench.backend.rmsNormLinear(products, at, weight, inputOf(bench, rows, width), rows, EPS);
      const [got, want]: [number[], number[]] = [[], []];
      for (const [i, { dst, matrix }] of products.entries()) {
        got.push(...await bench.get(dst, rows * matrix.columns));
        for (let r = 0; r < rows; r++) {
          const input = rmsNormOf(x.subarray(r * width, (r + 1) * width), w);
          want.push(...productOf(input, matrices[i]!.real, matrix.columns));
        }
      }
      return { got: Float32Array.from(got), want: Float64Array.from(want) };
    },
  };
}

/** What a third matrix makes of it, which reads floats or records. */
function gatedLinear(
  [gateFormat, upFormat, downFormat]: readonly [WeightFormat, WeightFormat, WeightFormat],
  rows: number,
  width: number,
  hidden: number,
): Case {
  const names = [gateFormat, upFormat, downFormat].map((format) => FORMAT_NAME[format]).join(", ");
  const columns = 12;
  return {
    name: `gated_linear [${rows}, ${width}] to ${hidden}: ${names}`,
    bound: F32 * 10,
    // the row's rounding reaches both factors, and what they make is rounded again, straying further: about 6 of its rms
    simdBound: 5 * PRODUCTS_8_BIT,
    async run(bench) {
      const b = bench.backend;
      const [x, w] = [numbers(36, rows * width, 2), numbers(37, width)];
      const gate = await packed(bench, numbers(38, hidden * width, 0.1), hidden, width, gateFormat);
      const up = await packed(bench, numbers(39, hidden * width, 0.1), hidden, width, upFormat);
      const down = await packed(bench, numbers(40, columns * hidden, 0.1), columns, hidden, downFormat);
      const [at, weight] = [bench.put(x), bench.put(w, "weights")];
      const [one, other, dst] = [hidden, hidden, columns].map((n) => bench.reserve(rows * n * 4)) as [
        number,
        number,
        number,
      ];
      const input = inputOf(bench, rows, Math.max(width, hidden));
      const made = { floats: one, quantized: input.quantized };
      const matrices = { gate: gate.matrix, up: up.matrix, down: down.matrix };
      b.gatedLinear(made, matrices, at, weight, { input, gate: one, up: other }, rows, EPS);
      b.linear(dst, made.floats, made.quantized, down.matrix, 0, rows, Epilogue.store);
      const want: number[] = [];
      for (let r = 0; r < rows; r++) {
        const row = rmsNormOf(x.subarray(r * width, (r + 1) * width), w);
        const [g, u] = [productOf(row, gate.real, hidden), productOf(row, up.real, hidden)];
        want.push(...productOf(g.map((v, i) => siluOf(v) * u[i]!), down.real, columns));
      }
      return { got: await bench.get(dst, rows * columns), want: Float64Array.from(want) };
    },
  };
}

/** Queries as they are after, then what they find in the stores; against the operations one by one. */
function turnAndStore(format: KvFormat, rows: number, queries: boolean, headWidth = 64): Case {
  const [heads, kvHeads, capacity, slot] = [6, 2, 24, 5];
  const name = Object.keys(KvFormat)[format];
  return {
    name: `turn_and_store ${name} [${rows}, ${heads}/${kvHeads}, ${headWidth}]${queries ? "" : " without queries"}`,
    bound: F32,
    async run(bench) {
      const b = bench.backend;
      const angles = numbers(44, rows * headWidth / 2, 3);
      const turns = bench.put(
        Array.from({ length: rows * headWidth }, (_, i) => (i % 2 ? Math.sin : Math.cos)(angles[i >> 1]!)),
      );
      const scratch = bench.reserve(b.attentionScratch(capacity, headWidth) * 4);
      const result = async (joined: boolean) => {
        const bytes = kvLayerBytes(kvHeads, headWidth, capacity, format);
        const [keys, values] = [bench.reserve(bytes, "kv cache"), bench.reserve(bytes, "kv cache")];
        const cache: KvLayer = { keys, values, heads: kvHeads, headWidth, capacity, format };
        const early = bench.put(numbers(45, slot * kvHeads * headWidth));
        b.storeKeys(cache, early, 0, slot);
        b.storeValues(cache, early, 0, slot);
        const q = bench.put(numbers(41, rows * heads * headWidth));
        const k = bench.put(numbers(42, rows * kvHeads * headWidth));
        const v = bench.put(numbers(43, rows * kvHeads * headWidth));
        if (joined) b.turnAndStore(cache, queries ? q : 0, k, v, turns, slot, rows, heads);
        else {
          if (queries) b.rope(q, turns, rows, heads, headWidth, heads * headWidth);
          b.rope(k, turns, rows, kvHeads, headWidth, kvHeads * headWidth);
          b.storeKeys(cache, k, slot, rows);
          b.storeValues(cache, v, slot, rows);
        }
        const dst = bench.reserve(rows * heads * headWidth * 4);
        b.attention(dst, q, cache, scratch, rows, heads, slot, true);
        const elements = rows * heads * headWidth;
        return [...await bench.get(q, elements), ...await bench.get(dst, elements)];
      };
      return { got: Float32Array.from(await result(true)), want: Float64Array.from(await result(false)) };
    },
  };
}

/** Queries, and what they find in the stores; against the operations that it joins. */
function projectAndStore(formats: readonly WeightFormat[], stored: KvFormat, rows: number, queries: boolean): Case {
  const [width, heads, kvHeads, headWidth, capacity, slot] = [96, 4, 2, 32, 24, 5];
  const names = formats.map((format) => FORMAT_NAME[format]).join(", ");
  return {
    name: `project_and_store ${names} into ${Object.keys(KvFormat)[stored]} [${rows}]${queries ? "" : " no queries"}`,
    // of few rows keys stray by f32 arithmetic, which another rounding to 16 or 8 bits makes more of
    bound: [F32, 1e-8, 1e-6][stored]!,
    async run(bench) {
      const b = bench.backend;
      const [x, weight] = [bench.put(numbers(51, rows * width, 2)), bench.put(numbers(52, width), "weights")];
      const angles = numbers(53, rows * headWidth / 2, 3);
      const turns = bench.put(
        Array.from({ length: rows * headWidth }, (_, i) => (i % 2 ? Math.sin : Math.cos)(angles[i >> 1]!)),
      );
      const matrices: Matrix[] = [];
      for (const [i, format] of formats.entries()) {
        const columns = (i === 0 ? heads : kvHeads) * headWidth;
        matrices.push((await packed(bench, numbers(54 + i, columns * width, 0.1), columns, width, format)).matrix);
      }
      const between = inputOf(bench, rows, width);
      const scratch = bench.reserve(b.attentionScratch(capacity, headWidth) * 4);
      const elements = rows * heads * headWidth;
      const result = async (joined: boolean) => {
        const bytes = kvLayerBytes(kvHeads, headWidth, capacity, stored);
        const [keys, values] = [bench.reserve(bytes, "kv cache"), bench.reserve(bytes, "kv cache")];
        const cache: KvLayer = { keys, values, heads: kvHeads, headWidth, capacity, format: stored };
        const early = bench.put(numbers(57, slot * kvHeads * headWidth));
        b.storeKeys(cache, early, 0, slot);
        b.storeValues(cache, early, 0, slot);
        const [q, k, v] = matrices.map((matrix) => ({ dst: bench.reserve(rows * matrix.columns * 4), matrix }));
        b.write(q!.dst, numbers(58, elements));
        if (joined) {
          const products = { queries: queries ? q! : undefined, keys: k!, values: v! };
          b.projectAndStore(cache, products, x, weight, between, turns, slot, rows, EPS);
        } else {
          b.rmsNormLinear([v!, k!, ...queries ? [q!] : []], x, weight, between, rows, EPS);
          b.turnAndStore(cache, queries ? q!.dst : 0, k!.dst, v!.dst, turns, slot, rows, heads);
        }
        const dst = bench.reserve(elements * 4);
        b.attention(dst, q!.dst, cache, scratch, rows, heads, slot, true);
        return [...await bench.get(q!.dst, elements), ...await bench.get(dst, elements)];
      };
      return { got: Float32Array.from(await result(true)), want: Float64Array.from(await result(false)) };
    },
  };
}

const { f32, f16, q8, q4, q4Min } = WeightFormat;

export const JOINED_CASES: readonly Case[] = [
  ...[f32, f16, q8, q4, q4Min].flatMap((format) => [
    rmsNormLinear([format, format, format], 1, 576, [192, 64, 40]),
    rmsNormLinear([format], 5, 1536, [24]),
    rmsNormLinear([format, format], 3, 99, [27, 12]),
    gatedLinear([format, format, format], 1, 576, 96),
    gatedLinear([format, format, q8], 6, 96, 64),
  ]),
  rmsNormLinear([q4, q4, q8, q8, f16], 2, 96, [16, 8, 24, 8, 8]),
  rmsNormLinear([q8, q8], 20, 64, [40, 8]),
  gatedLinear([q4, q8, f16], 2, 64, 99),
  gatedLinear([q4, q4, q4], 3, 99, 27),
  gatedLinear([q8, q8, q8], 12, 64, 32),
  ...[KvFormat.f32, KvFormat.f16, KvFormat.q8].flatMap((format) => [
    turnAndStore(format, 1, true),
    turnAndStore(format, 7, true, 32),
    turnAndStore(format, 3, false),
    projectAndStore([q4, q4, q4], format, 1, true),
    projectAndStore([q8, q8, q8], format, 6, true),
    projectAndStore([f16, f16, f16], format, 3, false),
  ]),
  projectAndStore([f32, f32, f32], KvFormat.f32, 2, true),
  projectAndStore([q4Min, q4Min, q4Min], KvFormat.f16, 1, true),
  projectAndStore([q4, q4, q8], KvFormat.f16, 1, true),
  projectAndStore([q4, q4, q4], KvFormat.f16, 11, true),
];
