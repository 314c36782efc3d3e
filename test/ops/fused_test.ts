import assert from "node:assert/strict";
import { type Backend, Epilogue, type Matrix, WeightFormat } from "../../sdk/backend/backend.ts";
import { Bench, BUILDS, numbers } from "./harness.ts";

/** Addresses of f32: x and up [rows, width], weight and bias [width]. */
interface Operands {
  readonly x: number;
  readonly up: number;
  readonly weight: number;
  readonly bias: number;
  /** 1, as a matrix of f32. */
  readonly one: Matrix;
  readonly rows: number;
  readonly width: number;
}

const one = (bench: Bench) => bench.packed(Float32Array.of(1), 1, 1, WeightFormat.f32);

type Operation = (b: Backend, dst: number, o: Operands) => void;

const PAIRS: readonly (readonly [name: string, fused: Operation, unfused: Operation])[] = [
  [
    "rmsNormQuantize",
    (b, dst, o) => b.rmsNormQuantize(dst, o.x, o.weight, o.rows, o.width, 1e-5),
    (b, dst, o) => b.rmsNorm(dst, o.x, o.weight, o.rows, o.width, 1e-5),
  ],
  [
    "layerNormQuantize",
    (b, dst, o) => b.layerNormQuantize(dst, o.x, o.weight, o.bias, o.rows, o.width, 1e-6),
    (b, dst, o) => b.layerNorm(dst, o.x, o.weight, o.bias, o.rows, o.width, 1e-6),
  ],
  [
    "swigluQuantize",
    (b, dst, o) => b.swigluQuantize(dst, o.x, o.up, o.rows, o.width),
    (b, dst, o) => b.swiglu(dst, o.x, o.up, o.rows * o.width),
  ],
  [
    "geluQuantize",
    (b, dst, o) => b.geluQuantize(dst, o.x, o.rows, o.width),
    // as the epilogue of a product with 1: every value is a row
    (b, dst, o) => b.linear(dst, o.x, 0, o.one, 0, o.rows * o.width, Epilogue.gelu),
  ],
];

/** Less than a block, blocks with and without a rest, more than the kernels make at a time. */
const WIDTHS = [7, 32, 45, 300, 576, 1536];
/** Tiles of four, whole and with some left. */
const ROWS = [1, 2, 3, 4, 5, 11];

for (const build of BUILDS) {
  for (const [name, fused, unfused] of PAIRS) {
    Deno.test(`${build}: ${name} gives the bytes of its two halves`, async () => {
      for (const width of WIDTHS) {
        for (const rows of ROWS) {
          const bench = await Bench.create(build, 2 << 20);
          const b = bench.backend;
          const elements = rows * width;
          const [x, up] = [bench.put(numbers(50, elements, 3)), bench.put(numbers(51, elements))];
          const [weight, bias] = [bench.put(numbers(52, width)), bench.put(numbers(53, width))];
          const bytes = rows * b.activationRowBytes(width);
          const [floats, want, got] = [bench.reserve(elements * 4), bench.reserve(bytes), bench.reserve(bytes)];
          const operands = { x, up, weight, bias, one: one(bench), rows, width };
          unfused(b, floats, operands);
          b.quantize(want, floats, rows, width);
          fused(b, got, operands);
          const made = await bench.getBytes(got, bytes);
          assert.deepEqual(made, await bench.getBytes(want, bytes), `[${rows}, ${width}]`);
          assert.ok(made.some((byte) => byte !== 0));
        }
      }
    });
  }

  Deno.test(`${build}: quantize and linear give a row the same bits whatever rows are beside it`, async () => {
    for (const format of [WeightFormat.q8, WeightFormat.q4, WeightFormat.q4Min]) {
      for (const width of [45, 576]) {
        const bench = await Bench.create(build, 4 << 20);
        const b = bench.backend;
        const [rows, columns] = [11, 20];
        const x = bench.put(numbers(54, rows * width));
        const matrix = bench.packed(numbers(55, columns * width, 0.1), columns, width, format);
        const quantized = bench.reserve(rows * b.activationRowBytes(width));
        const dst = bench.reserve(rows * columns * 4);
        const product = (first: number, count: number) => {
          b.quantize(quantized, x + first * width * 4, count, width);
          b.linear(dst, x + first * width * 4, quantized, matrix, 0, count, Epilogue.store);
          return bench.get(dst, count * columns);
        };
        const together = await product(0, rows);
        for (let row = 0; row < rows; row++) {
          const alone = await product(row, 1);
          assert.deepEqual(alone, together.slice(row * columns, (row + 1) * columns), `format ${format}, row ${row}`);
        }
      }
    }
  });

  for (const [name, fused] of PAIRS) {
    Deno.test(`${build}: a NaN or infinity in a row of ${name} reaches that row's product alone`, async () => {
      for (const bad of [NaN, Infinity]) {
        const bench = await Bench.create(build, 2 << 20);
        const b = bench.backend;
        const [rows, width, columns] = [5, 100, 8];
        const values = numbers(56, rows * width);
        values[2 * width + 99] = bad;
        const x = bench.put(values);
        const up = bench.put(numbers(57, rows * width));
        const [weight, bias] = [bench.put(numbers(58, width)), bench.put(numbers(59, width))];
        const matrix = bench.packed(numbers(60, columns * width), columns, width, WeightFormat.q4);
        const quantized = bench.reserve(rows * b.activationRowBytes(width));
        fused(b, quantized, { x, up, weight, bias, one: one(bench), rows, width });
        const dst = bench.reserve(rows * columns * 4);
        b.linear(dst, 0, quantized, matrix, 0, rows, Epilogue.store);
        for (let row = 0; row < rows; row++) {
          const product = await bench.get(dst + row * columns * 4, columns);
          if (row === 2) assert.ok(product.every((v) => !Number.isFinite(v)), `${bad}: ${product}`);
          else assert.ok(product.every(Number.isFinite), `row ${row}: ${product}`);
        }
      }
    });
  }
}
