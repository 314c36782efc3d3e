import assert from "node:assert/strict";
import { Epilogue } from "../../sdk/backend/backend.ts";
import { numbers } from "../ops/harness.ts";
import { bits, Desk, FORMATS } from "./desk.ts";
import { device as deviceOf } from "./gpu.ts";

const device = await deviceOf();
const gpu = { ignore: !device };

/** Smaller than the matrices here. */
const SMALL_BINDING = 65536;

for (const [name, format] of FORMATS) {
  Deno.test({
    name: `products ${name}: a matrix larger than a binding is read part by part, with the same bits`,
    ...gpu,
    async fn() {
      const [columns, width] = [2003, 96];
      const results: Uint32Array[][] = [];
      for (const most of [undefined, SMALL_BINDING]) {
        const desk = await Desk.create(device!, most === undefined ? {} : { maxBinding: most });
        const b = desk.backend;
        // so that no part begins where a binding does
        desk.weights(64);
        const matrix = desk.matrix(1, columns, width, format);
        assert.ok(b.matrixBytes(columns, width, format) > SMALL_BINDING);
        const bias = desk.putWeights(numbers(2, columns));
        const ids = Uint32Array.from({ length: 40 }, (_, i) => i * 977 % columns);
        ids[0] = columns - 1;
        const rows = desk.work(ids.length * width * 4);
        b.embed(rows, matrix, desk.put(ids), ids.length);
        const got = [bits(await b.read(rows, ids.length * width))];
        const dst = desk.work(3 * columns * 4);
        b.linear(dst, rows, rows, matrix, bias, 3, Epilogue.store);
        got.push(bits(await b.read(dst, 3 * columns)));
        results.push(got);
        b.destroy();
      }
      assert.ok(results[0]!.every((part) => part.some((word) => word !== 0)));
      assert.deepEqual(results[1], results[0]);
    },
  });

  Deno.test({
    name: `products ${name}: a row has the bits that it has alone, for few rows and for many`,
    ...gpu,
    async fn() {
      // whole blocks and fours, and neither
      for (const [width, columns] of [[96, 44], [99, 27]] as const) {
        for (const [rows, fewer] of [[7, 1], [70, 9]] as const) {
          const desk = await Desk.create(device!);
          const b = desk.backend;
          const matrix = desk.matrix(3, columns, width, format);
          const x = desk.put(numbers(4, rows * width));
          const [together, alone] = [desk.work(rows * columns * 4), desk.work(fewer * columns * 4)];
          b.linear(together, x, x, matrix, 0, rows, Epilogue.gelu);
          const first = rows - fewer;
          const from = x + first * width * 4;
          b.linear(alone, from, from, matrix, 0, fewer, Epilogue.gelu);
          const want = (await b.read(together, rows * columns)).subarray(first * columns);
          assert.deepEqual(bits(await b.read(alone, fewer * columns)), bits(want), `${rows} rows of ${width}`);
          b.destroy();
        }
      }
    },
  });

  Deno.test({
    name: `products ${name}: nothing beyond the matrix or the rows is read or written`,
    ...gpu,
    async fn() {
      const [rows, width, columns] = [11, 99, 27];
      const desk = await Desk.create(device!);
      const b = desk.backend;
      const nothing = new Float32Array(1024).fill(NaN);
      const matrix = desk.matrix(5, columns, width, format);
      desk.putWeights(nothing);
      const x = desk.put(numbers(6, rows * width));
      desk.put(nothing);
      const dst = desk.work(rows * columns * 4);
      const after = desk.put(nothing);
      for (const some of [1, 6, rows]) {
        b.linear(dst, x, x, matrix, 0, some, Epilogue.store);
        assert.ok((await b.read(dst, some * columns)).every(Number.isFinite), `${some} rows`);
      }
      assert.ok((await b.read(after, nothing.length)).every(Number.isNaN));
      b.destroy();
    },
  });
}
