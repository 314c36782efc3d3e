import assert from "node:assert/strict";
import { Epilogue, WeightFormat } from "../../sdk/backend/backend.ts";
import type { WebGpuBackend } from "../../sdk/backend/webgpu/backend.ts";
import { normalisedError, numbers } from "../ops/harness.ts";
import { bits, Desk } from "./desk.ts";
import { device as deviceOf } from "./gpu.ts";

const device = await deviceOf();
const gpu = { ignore: !device || !navigator.gpu.wgslLanguageFeatures.has("packed_4x8_integer_dot_product") };

/** A record of 8 bits: bytes of whole blocks, then scales. */
function valuesOf(record: Float32Array<ArrayBuffer>, rows: number, width: number): Float64Array {
  const [words, blocks] = [record.length / rows, Math.ceil(width / 32)];
  const bytes = new Int8Array(record.buffer);
  return Float64Array.from({ length: rows * width }, (_, i) => {
    const [row, k] = [Math.floor(i / width), i % width];
    return bytes[row * words * 4 + k]! * record[row * words + blocks * 8 + Math.floor(k / 32)]!;
  });
}

Deno.test({
  name: "8-bit records: half a step at most is lost, and roundingError says what",
  ...gpu,
  async fn() {
    for (const [rows, width] of [[1, 31], [3, 99], [2, 1504]] as const) {
      const desk = await Desk.create(device!, { records: "i8" });
      const b = desk.backend;
      const x = numbers(1, rows * width);
      const at = desk.put(x);
      const record = desk.work(rows * b.activationRowBytes(width));
      b.quantize(record, at, rows, width);
      const got = valuesOf(await b.read(record, rows * b.activationRowBytes(width) / 4), rows, width);
      x.forEach((value, i) => {
        const start = i - i % width % 32;
        const block = x.subarray(start, Math.min(start + 32, i - i % width + width));
        const step = Math.max(...block.map(Math.abs)) / 127;
        assert.ok(Math.abs(got[i]! - value) <= step * 0.50001, `value ${i} of ${rows} x ${width}`);
      });
      const error = desk.work(width * 4);
      b.roundingError(error, at, width);
      const lost = x.subarray(0, width).map((value, i) => value - got[i]!);
      assert.ok(normalisedError(await b.read(error, width), lost) < 1e-9);
      b.destroy();
    }
  },
});

/** An operation that makes records, and the same in two steps. */
const PAIRS: readonly {
  readonly name: string;
  fused(b: WebGpuBackend, dst: number, x: number, w: number, rows: number, width: number): void;
  first(b: WebGpuBackend, dst: number, x: number, w: number, rows: number, width: number): void;
}[] = [
  {
    name: "rmsNormQuantize",
    fused: (b, dst, x, w, rows, width) => b.rmsNormQuantize(dst, x, w, rows, width, 1e-5),
    first: (b, dst, x, w, rows, width) => b.rmsNorm(dst, x, w, rows, width, 1e-5),
  },
  {
    name: "layerNormQuantize",
    fused: (b, dst, x, w, rows, width) => b.layerNormQuantize(dst, x, w, w, rows, width, 1e-5),
    first: (b, dst, x, w, rows, width) => b.layerNorm(dst, x, w, w, rows, width, 1e-5),
  },
  {
    name: "swigluQuantize",
    fused: (b, dst, x, _w, rows, width) => b.swigluQuantize(dst, x, x, rows, width),
    first: (b, dst, x, _w, rows, width) => b.swiglu(dst, x, x, rows * width),
  },
];

for (const { name, fused, first } of PAIRS) {
  Deno.test({
    name: `8-bit records: ${name} has the bits of the unfused pair`,
    ...gpu,
    async fn() {
      for (const [rows, width] of [[1, 31], [5, 99], [2, 1504]] as const) {
        const desk = await Desk.create(device!, { records: "i8" });
        const b = desk.backend;
        const x = desk.put(numbers(2, rows * width, 2).map((value) => value + 1));
        const w = desk.putWeights(numbers(3, width));
        const bytes = rows * b.activationRowBytes(width);
        const [one, two, between] = [desk.work(bytes), desk.work(bytes), desk.work(rows * width * 4)];
        fused(b, one, x, w, rows, width);
        first(b, between, x, w, rows, width);
        b.quantize(two, between, rows, width);
        const want = bits(await b.read(two, bytes / 4));
        assert.ok(want.some((word) => word !== 0));
        assert.deepEqual(bits(await b.read(one, bytes / 4)), want, `${rows} rows of ${width}`);
        b.destroy();
      }
    },
  });
}

for (const [name, format] of Object.entries(WeightFormat).filter(([, format]) => format >= WeightFormat.q8)) {
  Deno.test({
    name: `8-bit records: products ${name} are those of the records' values`,
    ...gpu,
    async fn() {
      for (const [width, columns] of [[96, 44], [99, 27], [576, 64]] as const) {
        const desk = await Desk.create(device!, { records: "i8" });
        const b = desk.backend;
        const matrix = desk.matrix(4, columns, width, format);
        const ids = desk.put(Uint32Array.from({ length: columns }, (_, i) => i));
        const table = desk.work(columns * width * 4);
        b.embed(table, matrix, ids, columns);
        const weights = await b.read(table, columns * width);
        for (const rows of [1, 3, 70]) {
          const x = desk.put(numbers(5, rows * width));
          const words = rows * b.activationRowBytes(width) / 4;
          const [record, dst] = [desk.work(words * 4), desk.work(rows * columns * 4)];
          b.quantize(record, x, rows, width);
          b.linear(dst, x, record, matrix, 0, rows, Epilogue.store);
          const values = valuesOf(await b.read(record, words), rows, width);
          const want = Float64Array.from({ length: rows * columns }, (_, i) => {
            const [row, column] = [Math.floor(i / columns), i % columns];
            let sum = 0;
            for (let k = 0; k < width; k++) sum += values[row * width + k]! * weights[column * width + k]!;
            return sum;
          });
          const error = normalisedError(await b.read(dst, rows * columns), want);
          assert.ok(error < 1e-12, `${rows} rows of ${width}: normalised square error ${error}`);
        }
        b.destroy();
      }
    },
  });

  Deno.test({
    name: `8-bit records: what is not a number reaches products ${name}, of its own row alone`,
    ...gpu,
    async fn() {
      const [rows, width, columns] = [20, 96, 40];
      for (const bad of [NaN, Infinity, -Infinity]) {
        const desk = await Desk.create(device!, { records: "i8" });
        const b = desk.backend;
        const matrix = desk.matrix(6, columns, width, format);
        const values = numbers(7, rows * width);
        values[width + 40] = bad;
        const x = desk.put(values);
        const [record, dst] = [desk.work(rows * b.activationRowBytes(width)), desk.work(rows * columns * 4)];
        b.quantize(record, x, rows, width);
        for (const some of [3, rows]) {
          b.linear(dst, x, record, matrix, 0, some, Epilogue.store);
          const [before, its] = await Promise.all([b.argmax(dst, columns), b.argmax(dst + columns * 4, columns)]);
          assert.ok(before >= 0);
          assert.equal(its, -1, `${bad} among ${some} rows`);
        }
        b.destroy();
      }
    },
  });
}
