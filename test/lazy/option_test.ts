import assert from "node:assert/strict";
import { GgufMetadata, type MetadataValue } from "../../sdk/gguf/metadata.ts";
import { resolveLazy } from "../../sdk/lazy/option.ts";
import { densePlan } from "../../sdk/lazy/plan.ts";

const carrying = (mode: string) =>
  new GgufMetadata("model.gguf", new Map<string, MetadataValue>([["lazy.anchor", [0, 0, 2]], ["lazy.mode", mode]]));
const nothing = new GgufMetadata("model.gguf", new Map());

Deno.test("resolveLazy: off is dense whatever the model carries, auto is what it carries or dense", () => {
  assert.deepEqual(resolveLazy("off", carrying("gla"), 3), densePlan(3));
  assert.deepEqual(resolveLazy("auto", carrying("gla"), 3), { anchor: [0, 0, 2], mode: "gla" });
  assert.deepEqual(resolveLazy("auto", nothing, 3), densePlan(3));
});

Deno.test("resolveLazy: a mode takes the model's anchors, whatever mode they were written with", () => {
  assert.deepEqual(resolveLazy("gla", carrying("vla"), 3), { anchor: [0, 0, 2], mode: "gla" });
  assert.deepEqual(resolveLazy("vla", carrying("gla"), 3), { anchor: [0, 0, 2], mode: "vla" });
  const noAnchors = { code: "argument_invalid", param: "lazy", message: /needs anchors/ };
  assert.throws(() => resolveLazy("gla", nothing, 3), noAnchors);
});

Deno.test("resolveLazy: what is no option, or a plan of another model, is named", () => {
  for (const option of ["on", 1, null, undefined]) {
    assert.throws(() => resolveLazy(option as never, nothing, 3), { code: "argument_invalid", param: "lazy" });
  }
  const other = { code: "argument_invalid", param: "lazy", message: /anchors for 2 layers, the model has 3/ };
  assert.throws(() => resolveLazy({ anchor: [0, 0], mode: "gla" }, nothing, 3), other);
});
