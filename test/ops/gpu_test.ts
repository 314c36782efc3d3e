import assert from "node:assert/strict";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend } from "../../sdk/backend/webgpu/backend.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { device } from "../webgpu/gpu.ts";
import { ATTENTION_CASES } from "./attention_cases.ts";
import { CASES } from "./cases.ts";
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
    for (const c of [...CASES, ...ATTENTION_CASES]) {
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
