import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { GgufMetadata, type MetadataValue } from "../../sdk/gguf/metadata.ts";
import {
  densePlan,
  isDense,
  kvElements,
  lazyBlocks,
  lazyLayers,
  lazyPlan,
  planKey,
  planOf,
} from "../../sdk/lazy/plan.ts";
import { planFromJson, planFromMetadata, planToJson } from "../../sdk/lazy/plan_format.ts";
import { fileSource } from "../../sdk/sources/file.ts";

/** Values that are no plans, and what the message must say of each. */
const WRONG: readonly (readonly [value: unknown, message: RegExp])[] = [
  [undefined, /must be an object .* it is undefined/],
  [null, /it is null/],
  ["auto", /it is "auto"/],
  [[0, 0], /must have the mode "gla" or "vla", it has undefined/],
  [{ anchor: [0, 0] }, /it has undefined/],
  [{ anchor: [0, 0], mode: "GLA" }, /mode "gla" or "vla", it has "GLA"/],
  [{ mode: "gla" }, /array "anchor" .* it has undefined/],
  [{ anchor: {}, mode: "gla" }, /it has an object/],
  [{ anchor: [], mode: "gla" }, /it has an array of 0/],
  [{ anchor: [1, 1], mode: "gla" }, /layer 0 its own anchor, it names 1/],
  [{ anchor: [-1], mode: "gla" }, /layer 0 its own anchor, it names -1/],
  [{ anchor: [0, 2, 2], mode: "vla" }, /names 2 as the anchor of layer 1: possible are 1 .* and 0/],
  [{ anchor: [0, 1, 0], mode: "gla" }, /names 0 as the anchor of layer 2: possible are 2 .* and 1/],
  [{ anchor: [0, 0, 1], mode: "gla" }, /names 1 as the anchor of layer 2: possible are 2 .* and 0/],
  [{ anchor: [0, 0.5], mode: "gla" }, /names 0\.5 as the anchor of layer 1/],
  [{ anchor: [0, "1"], mode: "gla" }, /names "1"/],
  // deno-lint-ignore no-sparse-arrays -- a hole is what is tested
  [{ anchor: [0, , 2], mode: "gla" }, /names undefined as the anchor of layer 1/],
];

Deno.test("lazyPlan() refuses whatever is no plan, and says what was got and wanted", () => {
  for (const [value, message] of WRONG) {
    assert.throws(() => lazyPlan(value), { name: "LorisError", code: "argument_invalid", param: "lazy", message });
  }
});

Deno.test("lazyPlan() takes plans of the model's number of layers only", () => {
  const value = { anchor: [0, 1, 1], mode: "vla", note: "let be" };
  assert.deepEqual(lazyPlan(value), { anchor: [0, 1, 1], mode: "vla" });
  assert.deepEqual(lazyPlan(value, 3), { anchor: [0, 1, 1], mode: "vla" });
  assert.throws(() => lazyPlan(value, 4), {
    code: "argument_invalid",
    message: /anchors for 3 layers, the model has 4/,
  });
});

Deno.test("lazyPlan() copies, so that a plan cannot change under whoever holds it", () => {
  const anchor = [0, 0];
  const plan = lazyPlan({ anchor, mode: "gla" });
  anchor[1] = 1;
  assert.deepEqual(plan.anchor, [0, 0]);
});

Deno.test("planOf() and lazyLayers() are each other's inverse for every set of lazy layers", () => {
  const layers = 7;
  const keys = new Set<string>();
  for (let bits = 0; bits < 1 << (layers - 1); bits++) {
    const lazy = Array.from({ length: layers - 1 }, (_, i) => i + 1).filter((l) => bits & (1 << (l - 1)));
    const plan = planOf(layers, lazy.toReversed(), "gla");
    assert.deepEqual(lazyLayers(plan), lazy);
    assert.deepEqual(lazyPlan(plan, layers), plan, "what planOf() makes is legal");
    assert.equal(isDense(plan), bits === 0);
    keys.add(planKey(plan)).add(planKey({ ...plan, mode: "vla" }));
  }
  assert.equal(keys.size, 2 << (layers - 1), "planKey() tells all plans apart");
});

Deno.test("planOf() refuses layer 0, layers the model has not, and no layers at all", () => {
  for (const layer of [0, 3, -1, 1.5, NaN]) {
    assert.throws(() => planOf(3, [layer], "gla"), { code: "argument_invalid", message: /layers 1 to 2 can/ });
  }
  for (const layers of [0, -1, 2.5, NaN]) {
    assert.throws(() => densePlan(layers), { code: "argument_invalid", param: "layers" });
  }
});

Deno.test("lazyBlocks() gives each anchor with followers and its last one", () => {
  const blocks = (anchor: number[]) => lazyBlocks({ anchor, mode: "gla" });
  assert.deepEqual(blocks([0, 1, 2]), []);
  assert.deepEqual(blocks([0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6]), [{ anchor: 1, last: 5 }, { anchor: 6, last: 11 }]);
  assert.deepEqual(blocks([0, 0, 2, 3, 3]), [{ anchor: 0, last: 1 }, { anchor: 3, last: 4 }]);
});

Deno.test("kvElements() of nano's plan: -37.5 % under GLA, and under VLA for visual positions only", () => {
  const anchor = [0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6];
  const [tokens, visual, width] = [100, 64, 192];
  const dense = kvElements(densePlan(12), tokens, visual, width);
  assert.equal(dense, 2 * 12 * 100 * 192);
  assert.equal(kvElements({ anchor, mode: "gla" }, tokens, visual, width), dense * 0.625);
  assert.equal(kvElements({ anchor, mode: "vla" }, tokens, visual, width), dense - 9 * 64 * 192);
  assert.equal(kvElements({ anchor, mode: "vla" }, tokens, 0, width), dense);
  assert.equal(kvElements({ anchor, mode: "gla" }, 0, 0, width), 0);
});

Deno.test("kvElements() refuses more visual tokens than tokens, and what is no count", () => {
  for (const [tokens, visual, width] of [[3, 4, 1], [-1, -1, 1], [1.5, 1, 1], [2, 1, NaN]] as const) {
    assert.throws(() => kvElements(densePlan(2), tokens, visual, width), { code: "argument_invalid" });
  }
});

Deno.test("planFromJson() reads what planToJson() writes, and names the file in every error", () => {
  const plan = planOf(5, [1, 2, 4], "vla");
  assert.equal(planToJson(plan), '{"anchor":[0,0,0,3,3],"mode":"vla"}\n');
  assert.deepEqual(planFromJson(planToJson(plan), "p.json", 5), plan);
  for (const text of ["", "{", "[]", "null", '{"anchor":[0,0]}', '{"anchor":[1],"mode":"gla"}']) {
    assert.throws(() => planFromJson(text, "p.json"), { code: "file_invalid", message: /^p\.json/, param: "p.json" });
  }
  assert.throws(() => planFromJson(planToJson(plan), "p.json", 6), {
    code: "file_invalid",
    message: /the model has 6/,
  });
});

Deno.test("planFromMetadata() is undefined without a plan, and refuses half a plan and wrong ones", () => {
  const read = (pairs: Record<string, MetadataValue>) =>
    planFromMetadata(new GgufMetadata("m.gguf", new Map(Object.entries(pairs))), 3);
  assert.equal(read({ "general.architecture": "llama" }), undefined);
  assert.deepEqual(read({ "lazy.anchor": [0, 1, 1], "lazy.mode": "gla" }), { anchor: [0, 1, 1], mode: "gla" });
  const wrong: [Record<string, MetadataValue>, RegExp][] = [
    [{ "lazy.anchor": [0, 1, 1] }, /has lazy\.anchor and no lazy\.mode/],
    [{ "lazy.mode": "gla" }, /has lazy\.mode and no lazy\.anchor/],
    [{ "lazy.anchor": "0,1,1", "lazy.mode": "gla" }, /lazy\.anchor must be an array of numbers/],
    [{ "lazy.anchor": [0, 1, 1], "lazy.mode": 1 }, /lazy\.mode must be a string/],
    [{ "lazy.anchor": [0, 1, 1], "lazy.mode": "all" }, /metadata must have the mode/],
    [{ "lazy.anchor": [0, 1, 0], "lazy.mode": "gla" }, /anchor of layer 2/],
    [{ "lazy.anchor": [0, 1], "lazy.mode": "gla" }, /anchors for 2 layers, the model has 3/],
  ];
  for (const [pairs, message] of wrong) assert.throws(() => read(pairs), { code: "file_invalid", message });
});

Deno.test("planFromMetadata() reads the plan that the embedded model carries", async () => {
  const source = fileSource(fileURLToPath(new URL("../../models/nano/nano-text-q4_0.gguf", import.meta.url)));
  try {
    const { metadata } = await openGguf(source);
    const plan = planFromMetadata(metadata, metadata.uint("llama.block_count"));
    assert.ok(plan && !isDense(plan));
  } finally {
    await source.close();
  }
});
