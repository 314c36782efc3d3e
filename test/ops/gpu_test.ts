import assert from "node:assert/strict";
import { Epilogue, WeightFormat } from "../../sdk/backend/backend.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend, type WebGpuOptions } from "../../sdk/backend/webgpu/backend.ts";
import { type Capabilities, capabilitiesOf } from "../../sdk/backend/webgpu/capabilities.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { device } from "../webgpu/gpu.ts";
import { ATTENTION_CASES } from "./attention_cases.ts";
import type { Case } from "./case.ts";
import { CASES, MANY_ROWS } from "./cases.ts";
import { JOINED_CASES } from "./joined_cases.ts";
import { Bench, normalisedError, numbers } from "./harness.ts";

const gpu = await device();
const ignore = gpu === undefined;
/** Windows that a matrix of some kilobytes needs several of. */
const SMALL_BINDING = 8192;

/** Values of 11 bits, and as many of sums of 32 products: see wgsl/lib/linear_tiled_f16.wgsl. */
const F16_TILES = 1e-6;
const ALL: readonly Case[] = [...CASES, ...ATTENTION_CASES, ...JOINED_CASES];

/** Ways to compute that a device may have, and the cases that go other ways there than in f32. */
const VARIANTS: readonly {
  readonly name: string;
  readonly options: WebGpuOptions;
  readonly needs?: keyof Capabilities;
  readonly cases: readonly Case[];
  bound(c: Case): number;
}[] = [
  { name: "f32", options: {}, cases: [...ALL, ...MANY_ROWS], bound: (c) => c.bound },
  {
    ...{ name: "tiles of 16-bit floats", options: { f16: true }, needs: "f16" },
    ...{ cases: MANY_ROWS, bound: () => F16_TILES },
  },
  {
    ...{ name: "8-bit records", options: { records: "i8" }, needs: "dot4I8" },
    ...{ cases: [...CASES, ...MANY_ROWS].filter(({ simdBound }) => simdBound), bound: (c) => c.simdBound! },
  },
  {
    ...{ name: "sums within subgroups", options: { subgroups: true }, needs: "subgroups" },
    ...{ cases: ALL.filter(({ name }) => /norm|linear|attention/.test(name)), bound: (c) => c.bound },
  },
];

async function bench(options: WebGpuOptions = {}): Promise<Bench> {
  const host = await WasmBackend.create(await packagedKernels("simd128"), "simd128", 64 << 20);
  return Bench.of(new WebGpuBackend(gpu!, host, options));
}

for (const { name, options, needs, cases, bound } of VARIANTS) {
  const lacks = needs !== undefined && gpu !== undefined && !capabilitiesOf(gpu)[needs];
  Deno.test({
    name: `webgpu, ${name}: operations agree with their formulas in f64${lacks ? ` (skipped: no ${needs} here)` : ""}`,
    ignore: ignore || lacks,
    async fn(t) {
      assert.ok(cases.length > 0);
      for (const c of cases) {
        await t.step(c.name, async () => {
          const on = await bench(options);
          const { got, want } = await c.run(on);
          on.backend.destroy();
          const error = normalisedError(got, want);
          assert.ok(error <= bound(c), `normalised mean square error ${error}, bound ${bound(c)}`);
        });
      }
    },
  });
}

Deno.test({
  name: "webgpu: matrices larger than a binding are read through windows, with the same bits",
  ignore,
  async fn() {
    for (const format of Object.values(WeightFormat)) {
      for (const rows of [1, 20]) {
        const [columns, width] = [204, 160];
        const results: Float32Array[] = [];
        for (const maxBinding of [undefined, SMALL_BINDING]) {
          const on = await bench(maxBinding === undefined ? {} : { maxBinding });
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
