import assert from "node:assert/strict";
import { Epilogue, WeightFormat } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend } from "../../sdk/backend/webgpu/backend.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { device } from "../webgpu/gpu.ts";
import { ATTENTION_CASES } from "./attention_cases.ts";
import { CASES } from "./cases.ts";
import { JOINED_CASES } from "./joined_cases.ts";
import { Bench, normalisedError, numbers } from "./harness.ts";

const gpu = await device();
const ignore = gpu === undefined;
/** Windows that a matrix of some kilobytes needs several of. */
const SMALL_BINDING = 8192;

async function bench(maxBinding?: number): Promise<Bench> {
  const host = await WasmBackend.create(await packagedKernels("simd128"), "simd128", 64 << 20);
  return Bench.of(new WebGpuBackend(gpu!, host, maxBinding));
}

Deno.test({
  name: "webgpu: every operation agrees with its formula in f64",
  ignore,
  async fn(t) {
    for (const c of [...CASES, ...ATTENTION_CASES, ...JOINED_CASES]) {
      await t.step(c.name, async () => {
        const on = await bench();
        const { got, want } = await c.run(on);
        on.backend.destroy();
        const error = normalisedError(got, want);
        assert.ok(error <= c.bound, `normalised mean square error ${error}, bound ${c.bound}`);
      });
    }
  },
});

Deno.test({
  name: "webgpu: matrices larger than a binding are read through windows, with the same bits",
  ignore,
  async fn() {
    for (const format of Object.values(WeightFormat)) {
      for (const rows of [1, 20]) {
        const [columns, width] = [204, 160];
        const results: Float32Array[] = [];
        for (const maxBinding of [undefined, SMALL_BINDING]) {
          const on = await bench(maxBinding);
          const b = on.backend;
          const matrix = on.packed(numbers(1, columns * width, 0.1), columns, width, format);
          const x = on.put(numbers(2, rows * width));
          const ids = on.putWords([203, 0, 77, 8, 199]);
          const [records, dst] = [on.reserve(rows * b.activationRowBytes(width)), on.reserve(rows * columns * 4)];
          const embedded = on.reserve(5 * width * 4);
          b.quantize(records, x, rows, width);
          b.linear(dst, x, records, matrix, on.put(numbers(3, columns), "weights"), rows, Epilogue.store);
          b.embed(embedded, matrix, ids, 5);
          results.push(...await Promise.all([on.get(dst, rows * columns), on.get(embedded, 5 * width)]));
          b.destroy();
        }
        assert.deepEqual(results.slice(2), results.slice(0, 2), `${format} ${rows}`);
      }
    }
  },
});
