/** One loaded pair under every plan: its answers are those of `load` with the plan, its bytes those of the formula. */
import assert from "node:assert/strict";
import { densePlan, kvElements, type LazyPlan } from "../../sdk/lazy/plan.ts";
import { openProbe } from "../../sdk/probe.ts";
import { DOGS, MOUNTAIN, open, rejection, sources } from "./model.ts";
import { spied } from "./spy.ts";

const QUESTION = "Describe this image.";
const probe = await openProbe({ ...sources(), contextTokens: 256 });
const dogs = await probe.prepare(DOGS, QUESTION);
const dense = densePlan(probe.layers);
const gla = probe.plan("gla");
const vla = probe.plan("vla");

function largest(logits: Float32Array): number {
  return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
}

Deno.test("Probe.answer() gives under each plan and cache what a model loaded for it gives", async () => {
  for (const lazy of [dense, gla, vla]) {
    for (const kv of ["f16", "q8"] as const) {
      const captioner = await open({ lazy, kv });
      const { text, usage } = await captioner.caption(DOGS, { prompt: QUESTION, maxTokens: 40 }).result;
      const answer = await probe.answer(dogs, { lazy, kv }, { maxTokens: 40 });
      assert.equal(answer.text, text, `${lazy.mode} ${kv}`);
      assert.equal(answer.ids.length, usage.completionTokens);
      assert.equal(dogs.tokens, usage.promptTokens);
    }
  }
});

Deno.test("Probe.answer() with visualTokens gives what a model loaded with them gives, in fewer bytes", async () => {
  for (const visualTokens of [16, { keep: 32, by: "random", seed: 3 }, { keep: 16, merge: false }, 64] as const) {
    const captioner = await open({ visualTokens, lazy: vla });
    const { text } = await captioner.caption(DOGS, { prompt: QUESTION, maxTokens: 12 }).result;
    const answer = await probe.answer(dogs, { lazy: vla, visualTokens }, { maxTokens: 12 });
    assert.equal(answer.text, text, JSON.stringify(visualTokens));
    const keep = typeof visualTokens === "number" ? visualTokens : visualTokens.keep;
    assert.equal(answer.kvBytes, 2 * kvElements(vla, dogs.tokens - 64 + keep, keep, probe.kvWidth));
  }
  const tooMany = await rejection(probe.answer(dogs, { lazy: dense, visualTokens: 65 }, { maxTokens: 1 }));
  assert.deepEqual([tooMany.code, tooMany.param], ["argument_invalid", "visualTokens"]);
});

Deno.test("Probe.prepare() takes a picture that is encoded already", async () => {
  const picture = await probe.encode(DOGS);
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    assert.deepEqual(await probe.prepare(picture, QUESTION), dogs);
  });
});

Deno.test("Probe.answer() goes on after the answer's end where that is to be ignored", async () => {
  const ended = await probe.answer(dogs, { lazy: dense }, { maxTokens: 40 });
  const long = await probe.answer(dogs, { lazy: dense }, { maxTokens: 40, ignoreEnd: true });
  assert.ok(ended.ids.length < 40);
  assert.equal(long.ids.length, 40);
  assert.deepEqual([ended.tokensToEnd, long.tokensToEnd], [ended.ids.length, ended.ids.length]);
  assert.deepEqual(long.ids.slice(0, ended.ids.length), ended.ids);
});

Deno.test("Probe.forced() along a greedy answer prefers each of its tokens", async () => {
  for (const lazy of [dense, gla, vla]) {
    const { ids } = await probe.answer(dogs, { lazy }, { maxTokens: 12 });
    const { logits } = await probe.forced(dogs, { lazy }, ids);
    assert.deepEqual(logits.map(largest), ids, lazy.mode);
  }
});

Deno.test("Probe's kvBytes are those of the formula for dense, gla and vla plans", async () => {
  const bytes = async (lazy: LazyPlan, kv: "f16" | "q8") => (await probe.forced(dogs, { lazy, kv }, [1])).kvBytes;
  for (const lazy of [dense, gla, vla]) {
    const elements = kvElements(lazy, dogs.tokens, dogs.visual.length, probe.kvWidth);
    assert.equal(await bytes(lazy, "f16"), elements * 2);
    // a head's 64 numbers of a byte, and their scale
    assert.equal(await bytes(lazy, "q8"), elements / 64 * 68);
  }
  assert.equal(await bytes(gla, "f16") / await bytes(dense, "f16"), 0.625);
});

Deno.test("Probe.attention() gives probabilities over the whole prompt, and the slots of its picture", async () => {
  const { rows: { weights, layers, heads, positions }, visual } = await probe.attention(dogs);
  assert.deepEqual([layers, positions, visual.length], [12, dogs.tokens, 64]);
  assert.equal(weights.length, layers * heads * positions);
  for (let row = 0; row < layers * heads; row++) {
    const sum = weights.subarray(row * positions, (row + 1) * positions).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 1) < 1e-4, `row ${row} has the sum ${sum}`);
  }
});

Deno.test("Probe.choose() tells a mountain from none, and refuses candidates that begin alike", async () => {
  const ask = async (picture: Uint8Array, candidates: readonly string[]) => {
    const prepared = await probe.prepare(picture, "Is there a mountain in this image?");
    return candidates[await probe.choose(prepared, { lazy: dense }, candidates)];
  };
  for (const candidates of [[" No", " Yes"], [" Yes", " No"]]) {
    assert.deepEqual([await ask(DOGS, candidates), await ask(MOUNTAIN, candidates)], [" No", " Yes"]);
  }
  for (const candidates of [[" Yes"], [" Yes", ""], [" Yes", " Yes please"]]) {
    const error = await rejection(probe.choose(dogs, { lazy: dense }, candidates));
    assert.deepEqual([error.code, error.param], ["argument_invalid", "candidates"]);
  }
});

Deno.test("Probe.plan() and carriedPlan read the model's own plan", () => {
  assert.deepEqual(probe.carriedPlan?.anchor, [0, 1, 1, 1, 1, 1, 6, 6, 6, 6, 6, 6]);
  assert.deepEqual(probe.plan("gla"), { anchor: probe.carriedPlan!.anchor, mode: "gla" });
  assert.deepEqual(probe.plan("off"), dense);
});

Deno.test("Probe refuses what does not fit the context before it computes, and an aborted request with its reason", async () => {
  const long = await rejection(probe.answer(dogs, { lazy: dense }, { maxTokens: 256 }));
  assert.deepEqual([long.code, long.param], ["context_overflow", "contextTokens"]);
  assert.equal((await rejection(probe.prepare(DOGS, "word ".repeat(300)))).code, "context_overflow");
  assert.equal((await rejection(probe.forced(dogs, { lazy: dense }, []))).code, "argument_invalid");
  assert.equal((await rejection(probe.answer(dogs, { lazy: dense }, { maxTokens: 0 }))).param, "maxTokens");
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  assert.equal(await rejection(probe.prepare(DOGS, QUESTION, signal)), reason);
  assert.equal(await rejection(probe.answer(dogs, { lazy: gla }, { maxTokens: 3, signal })), reason);
  assert.equal(await rejection(probe.attention(dogs, signal)), reason);
});

Deno.test("Probe computes one request at a time, so that settings do not mix", async () => {
  const [a, b] = await Promise.all([dense, gla].map((lazy) => probe.answer(dogs, { lazy }, { maxTokens: 8 })));
  assert.deepEqual(a!.ids, (await probe.answer(dogs, { lazy: dense }, { maxTokens: 8 })).ids);
  assert.deepEqual(b!.ids, (await probe.answer(dogs, { lazy: gla }, { maxTokens: 8 })).ids);
});

Deno.test("a closed Probe refuses with closed", async () => {
  const other = await openProbe({ ...sources(), contextTokens: 128 });
  await other.close();
  assert.equal((await rejection(other.prepare(DOGS, QUESTION))).code, "closed");
  assert.throws(() => other.layers, { code: "closed" });
});
