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
  name: "plain kernels: captions of 5 pictures are PyTorch's to the letter",
  ignore,
  async fn() {
    const comparisons = await compare(await embeddedModel("plain"), 0, 5);
    for (const { file, got, want } of comparisons) assert.equal(got, want, file);
  },
});
