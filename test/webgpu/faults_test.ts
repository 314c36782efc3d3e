/** A GPU that fails while it answers: its requests end, those after them are answered by the CPU. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import { DOGS, rejection, sources } from "../sdk/model.ts";
import { device } from "./gpu.ts";
import { wrappedGpu } from "./stub_gpu.ts";

const ignore = await device() === undefined;
const open = (options: Partial<LoadOptions>) => load({ ...sources(), contextTokens: 128, ...options });

/** A question without a picture: few rows, for an adapter in software. */
function ask(captioner: Captioner, content: string, maxTokens = 24) {
  return captioner.chat([{ role: "user", content }], { maxTokens, logprobs: true });
}

const QUESTION = "Hello";
const onCpu = ignore ? undefined : await open({});
const want = await onCpu?.chat([{ role: "user", content: QUESTION }], { maxTokens: 6 }).result;
const wantedCaption = await onCpu?.caption(DOGS, { maxTokens: 6 }).result;
await onCpu?.close();

async function answersAsTheCpu(captioner: Captioner): Promise<void> {
  const { text, usage } = await captioner.chat([{ role: "user", content: QUESTION }], { maxTokens: 6 }).result;
  assert.equal(text, want!.text);
  assert.equal(usage.completionTokens, want!.usage.completionTokens);
  assert.match(captioner.backend, /^wasm-/);
}

for (
  const [how, message] of [
    ["is lost", /the GPU ".*" was lost: unplugged/],
    // the runtime tells nobody of it
    ["is destroyed", /the GPU gave no result/],
  ] as const
) {
  Deno.test({
    name:
      `a GPU that ${how} mid-answer: its request and those that wait end with gpu_failed, the next one is the CPU's`,
    ignore,
    async fn() {
      const wrapped = await wrappedGpu();
      const captioner = await open({ backend: "auto", gpu: wrapped.gpu });
      assert.deepEqual([captioner.backend, captioner.readsSources], ["webgpu", true]);
      assert.ok(wrapped.liveBytes > captioner.memory.weightsBytes);
      const answer = ask(captioner, "Cats");
      let deltas = 0;
      const reading = (async () => {
        for await (const _ of answer) {
          if (++deltas > 1) continue;
          assert.equal(captioner.requests.waiting, 2);
          if (how === "is lost") wrapped.lose("unplugged");
          else wrapped.device.destroy();
        }
      })();
      const waiting = ["one", "two"].map((text) => ask(captioner, text).result);
      const errors = await Promise.all([reading, ...waiting].map(rejection));
      assert.ok(deltas >= 1);
      for (const error of errors) {
        assert.deepEqual([error.name, error.code, error.param], ["LorisError", "gpu_failed", "backend"]);
        assert.match(error.message, message);
      }
      await answersAsTheCpu(captioner);
      assert.match(captioner.backendReason, /^not webgpu: the GPU .*; wasm: went on there$/);
      assert.equal(captioner.readsSources, false);
      assert.equal(wrapped.liveBytes, 0, "the GPU's memory was not given back");
      await captioner.close();
    },
  });
}

Deno.test({
  name: "a GPU that was asked for and is lost stays lost: every request ends with gpu_failed",
  ignore,
  async fn() {
    const wrapped = await wrappedGpu();
    const captioner = await open({ backend: "webgpu", gpu: wrapped.gpu });
    wrapped.lose("unplugged");
    for (let i = 0; i < 2; i++) {
      const error = await rejection(ask(captioner, QUESTION).result);
      assert.equal(error.code, "gpu_failed");
      assert.match(error.message, /was lost: unplugged/);
    }
    assert.equal(captioner.backend, "webgpu");
    await captioner.close();
    assert.equal(wrapped.liveBytes, 0);
  },
});

Deno.test({
  name: "a request whose picture was still being read when the GPU failed is answered by the CPU",
  ignore,
  async fn() {
    const wrapped = await wrappedGpu();
    const captioner = await open({ backend: "auto", gpu: wrapped.gpu });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const caption = captioner.caption(readable, { maxTokens: 6 }).result;
    wrapped.lose("unplugged");
    assert.equal((await rejection(ask(captioner, QUESTION).result)).code, "gpu_failed");
    const writer = writable.getWriter();
    await writer.write(DOGS);
    await writer.close();
    assert.equal((await caption).text, wantedCaption!.text);
    assert.match(captioner.backend, /^wasm-/);
    await captioner.close();
  },
});

Deno.test({
  name: "a shader that this GPU does not compile: the CPU computes, and the reason is the compiler's",
  ignore,
  async fn() {
    for (const broken of ["linear", "argmax"]) {
      const { gpu } = await wrappedGpu({ shader: (label) => label.startsWith(broken) ? "fn main( {" : undefined });
      const captioner = await open({ backend: "auto", gpu });
      assert.match(captioner.backend, /^wasm-/, broken);
      assert.match(captioner.backendReason, /^not webgpu: the GPU ".*" refused a command: /);
      await captioner.close();
    }
  },
});

Deno.test({
  name:
    "a shader that is refused when it is first needed: that request ends with gpu_failed, the next one is the CPU's",
  ignore,
  async fn() {
    const { gpu } = await wrappedGpu({ shader: (label) => label.startsWith("sample") ? "fn main( {" : undefined });
    const captioner = await open({ backend: "auto", gpu });
    assert.equal(captioner.backend, "webgpu");
    const messages = [{ role: "user", content: QUESTION }] as const;
    const error = await rejection(captioner.chat(messages, { maxTokens: 1, temperature: 1 }).result);
    assert.equal(error.code, "gpu_failed");
    assert.match(error.message, /refused a command: /);
    await answersAsTheCpu(captioner);
    await captioner.close();
  },
});

Deno.test({
  name: "sources that cannot be read when the GPU fails: the next request hears of it, and the one after tries again",
  ignore,
  async fn() {
    const wrapped = await wrappedGpu();
    let broken = false;
    const pair = sources();
    const text = {
      ...pair.text,
      read: (...args: Parameters<typeof pair.text.read>) =>
        broken ? Promise.reject(new Error("the disk is gone")) : pair.text.read(...args),
    };
    const captioner = await open({ ...pair, text, backend: "auto", gpu: wrapped.gpu });
    wrapped.lose("unplugged");
    broken = true;
    assert.equal((await rejection(ask(captioner, QUESTION).result)).code, "gpu_failed");
    assert.match((await rejection(ask(captioner, QUESTION).result)).message, /the disk is gone/);
    broken = false;
    await answersAsTheCpu(captioner);
    await captioner.close();
  },
});
