import assert from "node:assert/strict";
import { openProbe, type Probe } from "../../sdk/probe.ts";
import { sources } from "../sdk/model.ts";
import {
  agreementOn,
  type AgreementOptions,
  decidedShare,
  difference,
  equalShare,
  isUndecided,
  largest,
} from "./agreement/agreement.ts";
import { markdown } from "./agreement/report.ts";
import { device } from "./gpu.ts";
import { wrappedGpu } from "./stub_gpu.ts";

const ignore = await device() === undefined;
const PHOTOS = ["astronaut", "chelsea", "coffee", "dogs_at_window", "mountain_path", "rocket"];
const floats = (...values: number[]) => Float32Array.from(values);

Deno.test({
  name: "a GPU follows the CPU's answers about six pictures",
  ignore,
  async fn() {
    const options = { ...sources(), contextTokens: 128 };
    const cpu = await openProbe(options);
    const gpu = await openProbe({ ...options, backend: "webgpu", gpu: (await wrappedGpu()).gpu });
    const photos = PHOTOS.map((name) =>
      Deno.readFileSync(new URL(`../../examples/photos/${name}.jpg`, import.meta.url))
    );
    const found = await agreementOn(
      { cpu, gpu, reference: () => openProbe({ ...options, build: "plain" }) },
      photos,
      // with all image tokens, and its own, an adapter in software would take minutes; other tests compare these
      { maxTokens: 6, vision: "cpu", visualTokens: 16 },
    );
    assert.deepEqual([found.pictures, found.tokens], [6, 36]);
    assert.equal(decidedShare(found), 1, JSON.stringify(found));
    // 8-bit activations on one side; kernels that differ at all are off by some
    assert.ok(found.largestDifference < 0.05, JSON.stringify(found));
    await Promise.all([cpu.close(), gpu.close()]);
  },
});

/** A probe of one picture's answer, whose logits are given. */
function probeOf(logits: readonly Float32Array[], rows = floats(1, 2)): Probe {
  return {
    plan: () => ({ anchor: [0], mode: "gla" }),
    prepare: () => Promise.resolve({ picture: { rows } }),
    answer: () => Promise.resolve({ ids: logits.map(largest) }),
    forced: () => Promise.resolve({ logits }),
  } as unknown as Probe;
}

Deno.test("agreementOn() counts tokens with another best, and those of them that the CPU does not decide", async () => {
  const cpu = probeOf([floats(0, 4), floats(3, 2.5, -1), floats(5, 1)]);
  const gpu = probeOf([floats(0, 3), floats(2.6, 3, -1), floats(1, 5)], floats(1, 4));
  const reference = () => Promise.resolve(probeOf([floats(0, 4), floats(2.8, 3, -1), floats(5, 0)]));
  const seen: number[] = [];
  const onPicture: AgreementOptions["onPicture"] = ({ tokens }) => seen.push(tokens);
  const pictures = [new Uint8Array(1), new Uint8Array(1)];
  const found = await agreementOn({ cpu, gpu, reference }, pictures, { maxTokens: 3, onPicture });
  assert.deepEqual(found, {
    ...{ pictures: 2, tokens: 6, equal: 2, undecided: 2, largestDifference: 1, imageError: 4 / 5 },
  });
  assert.deepEqual([equalShare(found), decidedShare(found), seen], [1 / 3, 1 / 2, [3, 6]]);
  const ofCpu = await agreementOn({ cpu, gpu, reference }, pictures, { maxTokens: 3, vision: "cpu" });
  assert.equal(ofCpu.imageError, 0);
  const page = markdown({
    ofExamples: false,
    exact: false,
    ...{ date: "2000-01-01", machine: "m", deno: "1", device: "d", vision: "gpu", limits: "default" },
    results: { nano: found },
  });
  assert.match(page, /\| embedded \| 2 \| 6 \| 33\.33 % \| 50\.00 % \| 1\.0 \| 0\.80 \|/);
  assert.match(page, /with the limits of every WebGPU/);
});

Deno.test("isUndecided() compares the best two logits' distance with the error of any", () => {
  assert.equal(isUndecided(floats(1, 1.5, 0), floats(1, 1.5, 0.4)), false);
  assert.equal(isUndecided(floats(1, 1.5, 0), floats(1, 1.5, 0.5)), true);
  assert.equal(isUndecided(floats(1.5, 1, 0), floats(1.5, 1, -0.5)), true);
});

Deno.test("difference() is in parts of the spread", () => {
  assert.equal(difference(floats(-1, 0, 3), floats(-1, 2, 3)), 0.5);
  assert.ok(Number.isNaN(difference(floats(0, 1), floats(0, NaN))));
});
