/** What every WebGPU has, 128 MiB of a buffer in a shader and 256 MiB buffers, is enough. */
import assert from "node:assert/strict";
import { WebGpuBackend } from "../../sdk/backend/webgpu/backend.ts";
import { load } from "../../sdk/load.ts";
import { assemble, planModel } from "../../sdk/model/assemble.ts";
import { checkPair } from "../../sdk/model/pair.ts";
import { modelHeaders, SHAPES } from "../bench/generate_model.ts";
import { MOUNTAIN, rejection, sources } from "../sdk/model.ts";
import { device, host } from "./gpu.ts";
import { StubDevice, wrappedGpu } from "./stub_gpu.ts";

const ignore = await device() === undefined;

Deno.test({
  name: "a device with default limits holds the embedded model, and captions as the CPU does",
  ignore,
  async fn() {
    const options = { ...sources(), contextTokens: 128 };
    const onCpu = await load(options);
    const want = await onCpu.caption(MOUNTAIN, { maxTokens: 8 }).result;
    await onCpu.close();
    const wrapped = await wrappedGpu({ defaultLimits: true });
    const captioner = await load({ ...options, backend: "webgpu", gpu: wrapped.gpu });
    const { maxBufferSize, maxStorageBufferBindingSize } = wrapped.device.limits;
    assert.deepEqual([maxBufferSize, maxStorageBufferBindingSize], [256 << 20, 128 << 20]);
    const got = await captioner.caption(MOUNTAIN, { maxTokens: 8 }).result;
    assert.equal(got.text, want.text);
    assert.deepEqual(got.usage, want.usage);
    await captioner.close();
    assert.equal(wrapped.liveBytes, 0);
  },
});

/** A pair of SmolVLM-256M's shape on a device of default limits, its places decided and its buffers made. */
async function assembleSmolVlm(options: { contextTokens: number; conversations?: number; anyPlan?: boolean }) {
  const { text, vision } = await modelHeaders(SHAPES.smolvlm_256m, "Q8_0");
  const stub = new StubDevice({});
  const backend = new WebGpuBackend(stub as unknown as GPUDevice, await host());
  const pair = checkPair(text, vision, "off");
  const all = { memoryBudget: 2 ** 40, weights: "auto", ...options } as const;
  return { model: assemble(backend, pair, planModel(backend, pair, all)), stub };
}

Deno.test("SmolVLM-256M's shape fits default limits, with all its weights and two conversations", async () => {
  const { model, stub } = await assembleSmolVlm({ contextTokens: 2048, conversations: 2 });
  assert.deepEqual([model.weights, model.visionWeights], ["file", "resident"]);
  const sizes = [...stub.live].map(({ label, size }) => ({ label, size }));
  const bytes = (name: string) => sizes.filter(({ label }) => label === name).reduce((sum, { size }) => sum + size, 0);
  for (const { label, size } of sizes) assert.ok(size <= stub.limits.maxStorageBufferBindingSize, `${label}: ${size}`);
  const part = (name: string) => model.parts.find((part) => part.name === name)!.bytes;
  assert.equal(bytes("weights"), part("weights"));
  assert.ok(bytes("weights") > stub.limits.maxStorageBufferBindingSize, "one buffer would do: the test shows nothing");
  assert.equal(bytes("kv"), part("kv cache"));
});

Deno.test("a place for caches of every plan that default limits do not hold is refused with memory_budget", async () => {
  const error = await rejection(assembleSmolVlm({ contextTokens: 8192, anyPlan: true }));
  assert.deepEqual([error.code, error.param], ["memory_budget", "backend"]);
  assert.match(error.message, /a buffer of this GPU can have 134217728; lower contextTokens or conversations/);
});
