import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import { type GreedyEvent, type GreedyOptions, greedyPlan } from "../../sdk/lazy/greedy.ts";
import { lazyLayers, type LazyPlan, lazyPlan, planKey, planOf } from "../../sdk/lazy/plan.ts";
import { randomPlan, thresholdPlan, thresholdPlanForCount } from "../../sdk/lazy/planners.ts";

const DIVERGENCES = [0.05, 0.4, 0.1, 0.1, 0.3];

Deno.test("thresholdPlan() makes the layers under the threshold lazy, each after the layer before it", () => {
  const anchors = (threshold: number, rest = {}) =>
    thresholdPlan(DIVERGENCES, { threshold, mode: "gla", ...rest }).anchor;
  assert.deepEqual(anchors(0), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(anchors(0.1), [0, 0, 2, 3, 4, 5], "the threshold itself is not under it");
  assert.deepEqual(anchors(0.11), [0, 0, 2, 2, 2, 5]);
  assert.deepEqual(anchors(0.11, { firstLazyLayer: 4 }), [0, 1, 2, 3, 3, 5]);
  assert.deepEqual(anchors(1), [0, 0, 0, 0, 0, 0]);
  assert.equal(thresholdPlan(DIVERGENCES, { threshold: 1, mode: "vla" }).mode, "vla");
});

Deno.test("thresholdPlanForCount() takes the layers of smallest divergence, of equal ones the earlier", () => {
  const lazy = (count: number, rest = {}) =>
    lazyLayers(thresholdPlanForCount(DIVERGENCES, { lazyLayers: count, mode: "gla", ...rest }));
  assert.deepEqual(lazy(0), []);
  assert.deepEqual(lazy(1), [1]);
  assert.deepEqual(lazy(2), [1, 3]);
  assert.deepEqual(lazy(4), [1, 3, 4, 5]);
  assert.deepEqual(lazy(5), [1, 2, 3, 4, 5]);
  assert.deepEqual(lazy(2, { firstLazyLayer: 2 }), [3, 4]);
});

Deno.test("randomPlan() takes every choice equally often, and the same one for the same numbers", () => {
  const options = (seed: number) => ({
    mode: "vla" as const,
    ...{ lazyLayers: 2, firstLazyLayer: 2, random: new Random(seed) },
  });
  assert.deepEqual(randomPlan(6, options(3)), randomPlan(6, options(3)));
  const counts = new Map<string, number>();
  const draws = 6000;
  const fixed = options(1);
  for (let i = 0; i < draws; i++) {
    const plan = randomPlan(6, fixed);
    assert.deepEqual(lazyPlan(plan, 6), plan);
    const key = planKey(plan);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  // 2 of the layers 2 to 5: 6 plans of 1000 draws each, give or take; 150 are 5 standard deviations
  assert.equal(counts.size, 6);
  for (const [key, count] of counts) assert.ok(Math.abs(count - draws / 6) < 150, `${key}: ${count}`);
});

Deno.test("the planners refuse counts, thresholds, first layers and divergences that are none", () => {
  const random = new Random(1);
  const wrong: [() => unknown, string, RegExp][] = [
    [() => thresholdPlan(DIVERGENCES, { threshold: NaN, mode: "gla" }), "threshold", /is NaN/],
    [() => thresholdPlan(DIVERGENCES, { threshold: -1, mode: "gla" }), "threshold", /is -1/],
    [() => thresholdPlan([0.1, NaN], { threshold: 1, mode: "gla" }), "divergences", /layer 2 is NaN/],
    [() => thresholdPlan([-0.1], { threshold: 1, mode: "gla" }), "divergences", /layer 1 is -0\.1/],
    [
      () => thresholdPlan(DIVERGENCES, { threshold: 1, mode: "gla", firstLazyLayer: 0 }),
      "firstLazyLayer",
      /is 0, wanted is a whole number from 1/,
    ],
    [() => thresholdPlanForCount(DIVERGENCES, { lazyLayers: 6, mode: "gla" }), "lazyLayers", /of 6 layers 0 to 5 can/],
    [
      () => randomPlan(6, { lazyLayers: 3, firstLazyLayer: 4, mode: "gla", random }),
      "lazyLayers",
      /3 lazy layers are wanted; of 6 layers 0 to 2 can/,
    ],
    [() => randomPlan(6, { lazyLayers: 1.5, mode: "gla", random }), "lazyLayers", /1\.5/],
  ];
  for (const [call, param, message] of wrong) assert.throws(call, { code: "argument_invalid", param, message });
});

/** A loss in which layers 2 and 3 are cheap alone and dear together, so that the order of choice shows. */
function loss(plan: LazyPlan): Promise<number> {
  const lazy = lazyLayers(plan);
  const cost: Record<number, number> = { 1: 0.5, 2: 0.1, 3: 0.15, 4: 0.2 };
  const together = lazy.includes(2) && lazy.includes(3) ? 1 : 0;
  return Promise.resolve(lazy.reduce((sum, layer) => sum + cost[layer]!, together));
}

const OPTIONS: GreedyOptions = { layers: 5, lazyLayers: 3, mode: "gla" };

async function events(options: GreedyOptions, evaluate = loss): Promise<GreedyEvent[]> {
  const all: GreedyEvent[] = [];
  for await (const event of greedyPlan(evaluate, options)) all.push(event);
  return all;
}

Deno.test("greedyPlan() adds the layer of the smallest loss in each step, measured beside those chosen", async () => {
  const all = await events(OPTIONS);
  const steps = all.filter(({ kind }) => kind === "step");
  assert.deepEqual(steps.map(({ plan }) => lazyLayers(plan)), [[2], [2, 4], [1, 2, 4]]);
  for (const { plan, loss: got } of all) assert.equal(got, await loss(plan));
  assert.equal(all.length - steps.length, 4 + 3 + 2);
  assert.equal(new Set(all.filter(({ kind }) => kind === "trial").map(({ plan }) => planKey(plan))).size, 9);
  assert.ok(all.every(({ plan }) => plan.mode === "gla" && lazyPlan(plan, 5)));
});

Deno.test("greedyPlan() leaves the layers before the first lazy one alone; of equal losses it takes the earlier", async () => {
  const all = await events({ ...OPTIONS, lazyLayers: 2, firstLazyLayer: 3 }, () => Promise.resolve(1));
  assert.deepEqual(all.map(({ kind, plan }) => [kind, ...lazyLayers(plan)]), [
    ["trial", 3],
    ["trial", 4],
    ["step", 3],
    ["trial", 3, 4],
    ["step", 3, 4],
  ]);
  assert.deepEqual(await events({ ...OPTIONS, lazyLayers: 0 }), []);
});

Deno.test("greedyPlan() cut short after any trial goes on from the recorded losses to the same plan, measuring each once", async () => {
  const whole = await events(OPTIONS);
  const trials = whole.filter(({ kind }) => kind === "trial").length;
  for (let stop = 0; stop <= trials; stop++) {
    const known = new Map<string, number>();
    let measured = 0;
    const counted = (plan: LazyPlan) => (measured++, loss(plan));
    for await (const { kind, plan, loss } of greedyPlan(counted, OPTIONS)) {
      if (measured > stop) break;
      if (kind === "trial") known.set(planKey(plan), loss);
    }
    measured = 0;
    const resumed = await events({ ...OPTIONS, known }, counted);
    assert.equal(measured, trials - known.size);
    assert.equal(known.size, stop);
    assert.equal(resumed.filter(({ kind, wasKnown }) => kind === "trial" && wasKnown).length, stop);
    const seen = (all: GreedyEvent[]) => all.map(({ kind, plan, loss }) => [kind, planKey(plan), loss]);
    assert.deepEqual(seen(resumed), seen(whole));
  }
});

Deno.test("greedyPlan() stops before the next measurement when aborted, with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  let measured = 0;
  const evaluate = (plan: LazyPlan) => {
    if (++measured === 3) controller.abort(reason);
    return loss(plan);
  };
  await assert.rejects(events({ ...OPTIONS, signal: controller.signal }, evaluate), (error) => error === reason);
  assert.equal(measured, 3);
});

Deno.test("greedyPlan() refuses a loss that is no number, measured or recorded, and counts that do not fit", async () => {
  await assert.rejects(events(OPTIONS, () => Promise.resolve(NaN)), {
    code: "non_finite",
    message: /gla:0,0,2,3,4 is NaN/,
  });
  const known = new Map([[planKey(planOf(5, [2], "gla")), Infinity]]);
  await assert.rejects(events({ ...OPTIONS, known }), { code: "non_finite", message: /is Infinity/ });
  await assert.rejects(events({ ...OPTIONS, lazyLayers: 5 }), { code: "argument_invalid", param: "lazyLayers" });
});
