/** Lazy plans as JSON: refused, or as they are written again. */
import assert from "node:assert/strict";
import { planFromJson, planToJson } from "../../../sdk/lazy/plan_format.ts";
import { jsonSeed, jsonText } from "../json_taker.ts";
import { orRefusalNow, type Target } from "../target.ts";

const KEYS = ["anchor", "mode"];
const TEXTS = ["gla", "vla"];

export const target: Target = {
  seeds: [{ anchor: [0, 0, 2, 2], mode: "gla" }, { anchor: [0], mode: "vla", more: 1 }].map(jsonSeed),
  words: [...KEYS, ...TEXTS].map((word) => JSON.stringify(word)),
  maxBytes: 256,
  run(input) {
    const text = new TextDecoder().decode(jsonText(input, KEYS, TEXTS));
    const plan = orRefusalNow(() => planFromJson(text, "plan.json"));
    if (plan) assert.deepEqual(planFromJson(planToJson(plan), "again", plan.anchor.length), plan);
  },
};
