/** Calibration on the embedded model, with few pictures and layers: its numbers, and how it goes on where it was. */
import assert from "node:assert/strict";
import {
  calibrate,
  type CalibrateOptions,
  type CalibrationPicture,
  type CalibrationRecord,
  type PlanMeasure,
  type PlanTimes,
} from "../../sdk/calibrate.ts";
import type { DivergenceProfile } from "../../sdk/lazy/divergence.ts";
import { densePlan, isDense, kvElements, lazyLayers, planKey, planOf } from "../../sdk/lazy/plan.ts";
import { openProbe } from "../../sdk/probe.ts";
import { DOGS, MOUNTAIN, rejection, sources } from "./model.ts";
import { spied } from "./spy.ts";

const probe = await openProbe({ ...sources(), contextTokens: 128 });
const COFFEE = await Deno.readFile(new URL("../../examples/photos/coffee.jpg", import.meta.url));
const QUESTION = "Describe this image.";
/** Three candidates: six trials of the greedy search in each mode. */
const FIRST_LAZY_LAYER = 9;

function picture(name: string, bytes: Uint8Array): CalibrationPicture {
  return { name, read: () => Promise.resolve(bytes) };
}

/** A record in memory, which counts what is added. */
function memory<T>(): CalibrationRecord<T> & { readonly results: Map<string, T>; added: number } {
  const results = new Map<string, T>();
  return {
    results,
    added: 0,
    get: (item) => results.get(item),
    add(item, result) {
      results.set(item, result);
      this.added++;
    },
  };
}

const OPTIONS: CalibrateOptions = {
  profilePictures: [picture("mountain", MOUNTAIN), picture("coffee", COFFEE)],
  heldOut: [picture("dogs", DOGS)],
  question: QUESTION,
  modes: ["gla", "vla"],
  lazyLayers: [1, 2],
  planners: ["threshold", "greedy", "random"],
  firstLazyLayer: FIRST_LAZY_LAYER,
  maxTokens: 6,
  randomPlans: 1,
};

const profiles = memory<DivergenceProfile>();
const measures = memory<PlanMeasure>();
const times = memory<PlanTimes>();
const result = await calibrate(probe, { ...OPTIONS, profiles, measures, times });

Deno.test("calibrate() compares with the dense model: that one has no divergence from itself", () => {
  assert.deepEqual([result.dense.measure.kl, result.dense.measure.equalShare], [0, 1]);
  for (const { measure, plan, times } of result.rows) {
    assert.ok(measure.kl > 0 && measure.equalShare >= 0 && measure.equalShare <= 1, planKey(plan));
    for (const time of Object.values(times)) assert.ok(time > 0 && time < Infinity);
  }
});

Deno.test("calibrate() has a row for each planner, mode and number of layers, and two for the plan that the model carries", () => {
  const rows = result.rows.map(({ planner, plan, lazyLayers }) => `${planner} ${plan.mode} ${lazyLayers}`);
  const of = (mode: string) => [
    ...["threshold", "greedy", "random 1"].flatMap((planner) => [1, 2].map((n) => `${planner} ${mode} ${n}`)),
    `carried ${mode} 9`,
  ];
  assert.deepEqual(rows, [...of("gla"), ...of("vla")]);
  const own = result.rows.filter(({ planner }) => planner !== "carried");
  assert.ok(own.every(({ plan }) => lazyLayers(plan).every((layer) => layer >= FIRST_LAZY_LAYER)));
});

Deno.test("calibrate()'s KV bytes are those of the formula", async () => {
  const { tokens, visual } = await probe.prepare(DOGS, QUESTION);
  const bytes = (plan: Parameters<typeof kvElements>[0]) => 2 * kvElements(plan, tokens, visual.length, probe.kvWidth);
  assert.equal(result.dense.measure.kvBytes, bytes(densePlan(12)));
  for (const { plan, measure } of result.rows) assert.equal(measure.kvBytes, bytes(plan), planKey(plan));
});

Deno.test("calibrate()'s greedy plans lose no more than any trial that they were chosen from", () => {
  for (const mode of ["gla", "vla"] as const) {
    const [one, two] = result.rows.filter(({ planner, plan }) => planner === "greedy" && plan.mode === mode);
    const trials = (fixed: readonly number[]) =>
      [9, 10, 11].filter((layer) => !fixed.includes(layer)).map((layer) => {
        const measure = measures.results.get(planKey(planOf(12, [...fixed, layer], mode)));
        assert.ok(measure, `layer ${layer} was tried after ${fixed}`);
        return measure.kl;
      });
    assert.equal(one!.measure.kl, Math.min(...trials([])));
    assert.equal(two!.measure.kl, Math.min(...trials(lazyLayers(one!.plan))));
  }
});

Deno.test("calibrate()'s threshold plan takes the layer of the least divergence: of all positions, or under vla the visual", () => {
  for (const [mode, curve] of [["gla", result.profile.all], ["vla", result.profile.visual]] as const) {
    const row = result.rows.find(({ planner, plan }) => planner === "threshold" && plan.mode === mode)!;
    const [layer] = lazyLayers(row.plan);
    assert.equal(curve[layer! - 1], Math.min(...curve.slice(FIRST_LAZY_LAYER - 1)));
  }
});

Deno.test("calibrate()'s best plan is that of the first mode and the most layers asked with the least KL", () => {
  const among = result.rows.filter(({ plan, lazyLayers }) => plan.mode === "gla" && lazyLayers === 2);
  assert.ok(among.includes(result.best));
  assert.equal(result.best.measure.kl, Math.min(...among.map(({ measure }) => measure.kl)));
});

Deno.test("calibrate() computes nothing again that a record holds", async () => {
  const added = [measures.added, profiles.added, times.added];
  assert.deepEqual([...profiles.results.keys()], ["mountain", "coffee"]);
  assert.ok(times.added < measures.added, "only plans of the table are timed");
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    assert.deepEqual(await calibrate(probe, { ...OPTIONS, profiles, measures, times }), result);
  });
  assert.deepEqual([measures.added, profiles.added, times.added], added);
});

Deno.test("calibrate() goes on after an abort with what is missing, and comes to the same plans", async () => {
  const [someProfiles, someMeasures, someTimes] = [
    memory<DivergenceProfile>(),
    memory<PlanMeasure>(),
    memory<PlanTimes>(),
  ];
  const [controller, reason] = [new AbortController(), new Error("enough")];
  const records = { profiles: someProfiles, measures: someMeasures, times: someTimes };
  const stopped = calibrate(probe, {
    ...OPTIONS,
    ...records,
    signal: controller.signal,
    onProgress: () => void (someMeasures.added === 4 && controller.abort(reason)),
  });
  assert.equal(await rejection(stopped), reason);
  assert.deepEqual([someProfiles.added, someMeasures.added], [2, 4]);
  assert.equal(someTimes.added, 0, "times come last");
  const seen: string[] = [];
  const again = await calibrate(probe, { ...OPTIONS, ...records, onProgress: ({ what }) => void seen.push(what) });
  assert.equal(someMeasures.added, measures.added);
  const expected = ["held-out", ...Array(measures.added - 4).fill("plan"), ...Array(times.added).fill("times")];
  assert.deepEqual(seen, expected);
  const losses = ({ rows }: typeof result) => rows.map(({ plan, measure }) => [planKey(plan), measure.kl]);
  assert.deepEqual(losses(again), losses(result));
});

Deno.test("calibrate() refuses what does not fit before it computes", async () => {
  const cases: [Partial<CalibrateOptions>, string][] = [
    [{ heldOut: OPTIONS.profilePictures }, "heldOut"],
    [{ heldOut: [] }, "heldOut"],
    [{ profilePictures: [] }, "heldOut"],
    [{ planners: [] }, "planners"],
    [{ modes: [] }, "planners"],
    [{ lazyLayers: [] }, "planners"],
    [{ lazyLayers: [4] }, "lazyLayers"],
    [{ lazyLayers: [0] }, "lazyLayers"],
    [{ lazyLayers: [1.5] }, "lazyLayers"],
    [{ firstLazyLayer: 0 }, "firstLazyLayer"],
  ];
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    for (const [change, param] of cases) {
      const error = await rejection(calibrate(probe, { ...OPTIONS, ...change }));
      assert.deepEqual([error.code, error.param], ["argument_invalid", param], error.message);
    }
  });
});

Deno.test("calibrate() of one mode and planner measures only what that needs", async () => {
  const own = memory<PlanMeasure>();
  const options = { ...OPTIONS, modes: ["vla"], planners: ["threshold"], lazyLayers: [2] } as const;
  const { rows, best } = await calibrate(probe, { ...options, profiles, measures: own });
  assert.deepEqual(rows.map(({ planner, plan }) => `${planner} ${plan.mode}`), ["threshold vla", "carried vla"]);
  assert.equal(best, rows[0]);
  assert.equal(own.added, 3);
  assert.ok(
    [...own.results.keys()].some((key) => isDense({ anchor: key.slice(4).split(",").map(Number), mode: "gla" })),
  );
});
