import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { WebGpuBackend, type WebGpuOptions } from "../../sdk/backend/webgpu/backend.ts";
import { capabilitiesOf, wantedFeatures } from "../../sdk/backend/webgpu/capabilities.ts";

/** As much of a device or an adapter as says what it can. */
const having = (...features: string[]) => ({ features: new Set(features) }) as unknown as GPUDevice & GPUAdapter;

Deno.test("an adapter is asked for the features that operations have variants for, and for no others", () => {
  assert.deepEqual(wantedFeatures(having("timestamp-query", "subgroups", "shader-f16")), ["shader-f16", "subgroups"]);
  assert.deepEqual(wantedFeatures(having("timestamp-query")), []);
});

Deno.test("a device can what it was made with", () => {
  const { f16, subgroups } = capabilitiesOf(having("subgroups"));
  assert.deepEqual({ f16, subgroups }, { f16: false, subgroups: true });
  const other = capabilitiesOf(having("shader-f16"));
  assert.deepEqual({ f16: other.f16, subgroups: other.subgroups }, { f16: true, subgroups: false });
});

for (const options of [{ f16: true }, { subgroups: true }] as const satisfies readonly WebGpuOptions[]) {
  const [param] = Object.keys(options);
  Deno.test(`a backend with ${param} refuses a device that lacks it, and names it`, () => {
    assert.throws(
      () => new WebGpuBackend(having("timestamp-query"), undefined as never, options),
      (error) => error instanceof LorisError && error.code === "gpu_unavailable" && error.message.includes(param!),
    );
  });
}
