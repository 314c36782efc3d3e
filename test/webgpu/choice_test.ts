/** What computes: a GPU that cannot be had, or that fails its checks, is passed by where that is allowed. */
import assert from "node:assert/strict";
import { load, type LoadOptions } from "../../sdk/load.ts";
import { rejection, sources } from "../sdk/model.ts";
import { type StubDevice, stubGpu, type StubOptions } from "./stub_gpu.ts";

const open = (options: Partial<LoadOptions>) => load({ ...sources(), contextTokens: 128, ...options });
const isOnCpu = (name: string) => /^wasm-/.test(name);

/** What is wrong with a GPU, the code of the error where it must be a GPU, and what is said about it in either case. */
const CASES: readonly (readonly [what: string, stub: StubOptions, code: string, message: RegExp])[] = [
  [
    "an adapter that is not there",
    { requestAdapter: () => Promise.resolve(null) },
    "gpu_unavailable",
    /the runtime found no GPU adapter/,
  ],
  [
    "a search for adapters that fails",
    { requestAdapter: () => Promise.reject(new Error("no driver")) },
    "gpu_unavailable",
    /failed to look for a GPU: no driver/,
  ],
  [
    "a search for adapters that throws at once",
    {
      requestAdapter: () => {
        throw new Error("not now");
      },
    },
    "gpu_unavailable",
    /failed to look for a GPU: not now/,
  ],
  [
    "limits that are refused",
    { requestDevice: () => Promise.reject(new DOMException("maxBufferSize is too large", "OperationError")) },
    "gpu_unavailable",
    /the GPU "stub" refused a device: maxBufferSize is too large/,
  ],
  ["results that are wrong", {}, "gpu_failed", /matrix product that differs by 1\.0e\+0 from the CPU's/],
  [
    "a shader that does not compile",
    { onShader: (device) => device.refuse("expected ';'") },
    "gpu_failed",
    /the GPU "stub" refused a command: expected ';'/,
  ],
  [
    "a device that is lost while it is checked",
    {
      onMap(device) {
        device.lose("unplugged");
        return Promise.resolve();
      },
    },
    "gpu_failed",
    /the GPU "stub" was lost: unplugged/,
  ],
  [
    "results that cannot be read",
    { onMap: () => Promise.reject(new DOMException("mapping failed", "AbortError")) },
    "gpu_failed",
    /the GPU gave no result: mapping failed/,
  ],
];

for (const [what, stub, code, message] of CASES) {
  Deno.test(`backend "auto", and ${what}: the CPU computes, and backendReason says why`, async () => {
    const { gpu, devices } = stubGpu(stub);
    const captioner = await open({ backend: "auto", gpu });
    assert.ok(isOnCpu(captioner.backend), captioner.backend);
    assert.match(captioner.backendReason, /^not webgpu: .*; wasm$/s);
    assert.match(captioner.backendReason, message);
    assert.equal(captioner.readsSources, false);
    devices.forEach(isGivenBack);
    await captioner.close();
  });
  Deno.test(`backend "webgpu", and ${what}: ${code}`, async () => {
    const { gpu, devices } = stubGpu(stub);
    const error = await rejection(open({ backend: "webgpu", gpu }));
    assert.deepEqual([error.name, error.code, error.param], ["LorisError", code, "backend"]);
    assert.match(error.message, message);
    devices.forEach(isGivenBack);
  });
}

function isGivenBack(device: StubDevice): void {
  assert.ok(device.destroyed);
  assert.equal(device.live.size, 0, "buffers were not destroyed");
}

Deno.test("a runtime without navigator.gpu has no GPU, which is said", async () => {
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  try {
    const error = await rejection(open({ backend: "webgpu" }));
    assert.deepEqual([error.code, error.param], ["gpu_unavailable", "backend"]);
    assert.match(error.message, /has no navigator\.gpu; use backend: "wasm" or "auto"/);
    const captioner = await open({ backend: "auto" });
    assert.ok(isOnCpu(captioner.backend));
    assert.match(captioner.backendReason, /^not webgpu: this runtime has no navigator\.gpu/);
    await captioner.close();
  } finally {
    delete (navigator as { gpu?: GPU }).gpu;
  }
});

Deno.test('an adapter in software is passed by under "auto", and taken where a GPU is asked for', async () => {
  const stub = { info: { description: "llvmpipe", isFallbackAdapter: true } };
  const passedBy = stubGpu(stub);
  const captioner = await open({ backend: "auto", gpu: passedBy.gpu });
  assert.ok(isOnCpu(captioner.backend));
  assert.match(captioner.backendReason, /^not webgpu: the only adapter, "llvmpipe", computes on the CPU/);
  assert.equal(passedBy.devices.length, 0);
  await captioner.close();
  const taken = stubGpu(stub);
  assert.equal((await rejection(open({ backend: "webgpu", gpu: taken.gpu }))).code, "gpu_failed");
  assert.equal(taken.devices.length, 1);
});

Deno.test('backend "wasm", the default, asks nobody for a GPU', async () => {
  const { gpu, devices } = stubGpu({ requestAdapter: () => assert.fail("it was asked") });
  for (const backend of [undefined, "wasm"] as const) {
    const captioner = await open({ ...(backend ? { backend } : {}), gpu });
    assert.match(captioner.backendReason, /^wasm: asked for$/);
    await captioner.close();
  }
  assert.equal(devices.length, 0);
});
