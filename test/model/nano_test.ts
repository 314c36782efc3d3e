import assert from "node:assert/strict";
import { hasShared } from "../shared.ts";
import { compare, embeddedModel, sameCaption, sameStart, share } from "./reference.ts";

const ignore = !hasShared("models/nano/expected.json");

Deno.test({
  name: "fast kernels: captions of 60 pictures as PyTorch's in f32, first words on 98 %, whole captions on 85 %",
  ignore,
  async fn() {
    const comparisons = await compare(await embeddedModel(), 0, 60);
    assert.ok(share(comparisons, sameStart) >= 0.98, JSON.stringify(comparisons.filter((c) => !sameStart(c))));
    assert.ok(share(comparisons, sameCaption) >= 0.85, `${share(comparisons, sameCaption)} of whole captions`);
  },
});

Deno.test({
  name: "GLA under the model's own plan: captions of 60 pictures as PyTorch's, with 37.5 % less KV cache",
  ignore,
  async fn() {
    const [dense, gla] = [await embeddedModel(), await embeddedModel(undefined, "gla")];
    assert.equal(gla.memory.kvBytes, dense.memory.kvBytes * 0.625);
    const comparisons = await compare(gla, 0, 60, "gla");
    assert.ok(share(comparisons, sameStart) >= 0.95, JSON.stringify(comparisons.filter((c) => !sameStart(c))));
    assert.ok(share(comparisons, sameCaption) >= 0.8, `${share(comparisons, sameCaption)} of whole captions`);
  },
});

Deno.test({
  name: "VLA as the model's own plan says (auto): captions of 60 pictures as PyTorch's, with keys of text alone",
  ignore,
  async fn() {
    const vla = await embeddedModel(undefined, "auto");
    // 2048 slots, of which all but one tile's may be text: (2 N T - n T_v) w f16
    assert.equal(vla.memory.kvBytes, (2 * 12 * 2048 - 9 * 64) * 192 * 2);
    const comparisons = await compare(vla, 0, 60, "vla");
    assert.ok(share(comparisons, sameStart) >= 0.95, JSON.stringify(comparisons.filter((c) => !sameStart(c))));
    assert.ok(share(comparisons, sameCaption) >= 0.8, `${share(comparisons, sameCaption)} of whole captions`);
  },
});

Deno.test({
  name: "plain kernels: captions of 5 pictures are PyTorch's to the letter",
  ignore,
  async fn() {
    const comparisons = await compare(await embeddedModel("plain"), 0, 5);
    for (const { file, got, want } of comparisons) assert.equal(got, want, file);
  },
});
