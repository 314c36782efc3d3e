/**
 * Finds plans of Lazy Attention for a model, and judges them by what they lose against the dense model.
 *
 * @example
 * ```ts
 * import { calibrate } from "loris/calibrate";
 * import { planToJson } from "loris/lazy/plan_format";
 * import { openProbe } from "loris/probe";
 * import { fileSource } from "loris/sources/file";
 *
 * const probe = await openProbe({
 *   text: fileSource("text.gguf"),
 *   vision: fileSource("mmproj.gguf"),
 * });
 * const picture = (name: string) => ({
 *   name,
 *   read: () => Deno.readFile(`photos/${name}`),
 * });
 * const { best } = await calibrate(probe, {
 *   question: "Describe this image.",
 *   profilePictures: [picture("rocket.jpg")],
 *   heldOut: [picture("stream.jpg")],
 *   modes: ["gla"],
 *   lazyLayers: [2],
 *   planners: ["threshold"],
 *   maxTokens: 12,
 * });
 * await Deno.writeTextFile("plan.json", planToJson(best.plan));
 * await probe.close();
 * ```
 *
 * @module
 */
import {
  type CalibrationPicture,
  type CalibrationProgress,
  type CalibrationRecord,
  Judge,
  type JudgeOptions,
  type PlanMeasure,
  type PlanResult,
  type PlanTimes,
} from "./calibrate_judge.ts";
import { LorisError } from "./errors.ts";
import { Random } from "./generate/random.ts";
import { type DivergenceProfile, divergenceProfile, MeanProfile } from "./lazy/divergence.ts";
import { greedyPlan } from "./lazy/greedy.ts";
import { densePlan, lazyLayers, type LazyMode, type LazyPlan } from "./lazy/plan.ts";
import { candidateLayers, checkCount, randomPlan, thresholdPlanForCount } from "./lazy/planners.ts";
import type { Probe } from "./probe.ts";

export type {
  CalibrationPicture,
  CalibrationProgress,
  CalibrationRecord,
  JudgeOptions,
  PlanMeasure,
  PlanResult,
  PlanTimes,
};

/** Ways to look for a plan; `carried` is the one that the model's file has, and not asked for. */
export const PLANNERS: readonly Planner[] = ["threshold", "greedy", "random"];
/**
 * "threshold": the layers whose attention diverges least from the layer before. "greedy": layer by layer, whichever costs the
 * least loss. "random": a control.
 */
export type Planner = "threshold" | "greedy" | "random";

/** How to calibrate. */
export interface CalibrateOptions extends JudgeOptions {
  /** Of which the divergence profile is the mean. At least one, and none of those held out. */
  readonly profilePictures: readonly CalibrationPicture[];
  /** Modes to find plans in; the first one is that of the best plan. */
  readonly modes: readonly LazyMode[];
  /** Numbers of lazy layers to find plans for. */
  readonly lazyLayers: readonly number[];
  /** Each proposes a plan for every mode and number. */
  readonly planners: readonly Planner[];
  /** Layers before this one are never lazy; 2, if left out: the first ones stay out unless it is said otherwise. */
  readonly firstLazyLayer?: number;
  /** Plans of the planner `random` for each number of lazy layers; 3. */
  readonly randomPlans?: number;
  /** By picture name. */
  readonly profiles?: CalibrationRecord<DivergenceProfile>;
}

/** A plan that was tried. */
export interface CalibrationRow extends PlanResult {
  /** `greedy`, `random 2`, or `carried` for the plan in the model's file. */
  readonly planner: string;
  /** What it proposed. */
  readonly plan: LazyPlan;
  /** How many layers are lazy in it. */
  readonly lazyLayers: number;
}

/** What a calibration found. */
export interface Calibration {
  /** Of the dense model: the mean over the profile pictures. */
  readonly profile: DivergenceProfile;
  /** The model without a lazy layer, which all are compared with. */
  readonly dense: PlanResult;
  /** By mode, then planner, then number of lazy layers; the plan that the model carries comes last in its mode. */
  readonly rows: readonly CalibrationRow[];
  /**
   * Of the rows with the most lazy layers asked, in the first of the modes, the one with the least KL, of equal ones the
   * earlier. Modes are not compared: at as many lazy layers a `vla` plan keeps more.
   */
  readonly best: CalibrationRow;
}

/**
 * Looks for plans. Runs pictures through the dense model and takes their divergence profile; lets each planner propose a
 * plan for each mode and number of lazy layers; and judges each plan, and the one that the model carries, by how it follows
 * the dense model's own greedy answers on held-out pictures.
 *
 * @throws {LorisError} `argument_invalid` for options that do not fit the model, before any work; else as {@link Probe}; the
 * signal's reason.
 */
export async function calibrate(probe: Probe, options: CalibrateOptions): Promise<Calibration> {
  check(probe, options);
  const profile = await meanProfile(probe, options);
  const judge = new Judge(probe, options);
  const tried: [string, LazyPlan][] = [];
  await judge.measure(densePlan(probe.layers));
  for (const mode of options.modes) {
    for await (const proposal of proposals(probe, profile, mode, judge, options)) {
      await judge.measure(proposal[1]);
      tried.push(proposal);
    }
  }
  const dense = await judge.result(densePlan(probe.layers));
  const rows: CalibrationRow[] = [];
  for (const [planner, plan] of tried) {
    rows.push({ planner, plan, lazyLayers: lazyLayers(plan).length, ...await judge.result(plan) });
  }
  const most = Math.max(...options.lazyLayers);
  const eligible = rows.filter((row) => row.lazyLayers === most && row.plan.mode === options.modes[0]);
  return { profile, dense, rows, best: eligible.reduce((a, b) => (b.measure.kl < a.measure.kl ? b : a)) };
}

async function meanProfile(
  probe: Probe,
  { profilePictures, question, profiles, onProgress, signal }: CalibrateOptions,
): Promise<DivergenceProfile> {
  const mean = new MeanProfile();
  for (const { name, read } of profilePictures) {
    let profile = profiles?.get(name);
    if (!profile) {
      const { rows, visual } = await probe.attention(await probe.prepare(await read(), question, signal), signal);
      profile = divergenceProfile(rows, visual);
      profiles?.add(name, profile);
      onProgress?.({ what: "profile", item: name });
    }
    mean.add(profile);
  }
  return mean.mean();
}

/** Each planner's plans of one mode, and its name; what the model carries comes last. */
async function* proposals(
  probe: Probe,
  profile: DivergenceProfile,
  mode: LazyMode,
  judge: Judge,
  options: CalibrateOptions,
): AsyncGenerator<[string, LazyPlan]> {
  const { planners, lazyLayers: counts, firstLazyLayer = 2, randomPlans = 3, signal } = options;
  const common = { mode, firstLazyLayer };
  if (planners.includes("threshold")) {
    const divergences = mode === "gla" ? profile.all : profile.visual;
    for (const n of counts) yield ["threshold", thresholdPlanForCount(divergences, { ...common, lazyLayers: n })];
  }
  if (planners.includes("greedy")) {
    const search = { ...common, layers: probe.layers, lazyLayers: Math.max(...counts), ...(signal && { signal }) };
    const loss = async (plan: LazyPlan) => (await judge.measure(plan)).kl;
    for await (const { kind, plan } of greedyPlan(loss, search)) {
      if (kind === "step" && counts.includes(lazyLayers(plan).length)) yield ["greedy", plan];
    }
  }
  if (planners.includes("random")) {
    for (const n of counts) {
      for (let seed = 1; seed <= randomPlans; seed++) {
        const plan = randomPlan(probe.layers, { ...common, lazyLayers: n, random: new Random(seed) });
        yield [`random ${seed}`, plan];
      }
    }
  }
  const carried = probe.carriedPlan;
  if (carried && lazyLayers(carried).length > 0) yield ["carried", { anchor: carried.anchor, mode }];
}

function check(probe: Probe, options: CalibrateOptions): void {
  const { profilePictures, heldOut, modes, planners, lazyLayers: counts, firstLazyLayer = 2 } = options;
  const invalid = (param: string, message: string) => new LorisError("argument_invalid", message, { param });
  if (profilePictures.length === 0 || heldOut.length === 0) {
    const message =
      `${profilePictures.length} pictures for the profile and ${heldOut.length} held out: wanted is one of ` +
      "each at least";
    throw invalid("heldOut", message);
  }
  const seen = new Set(profilePictures.map(({ name }) => name));
  const both = heldOut.find(({ name }) => seen.has(name));
  if (both) throw invalid("heldOut", `${both.name} is held out, and in the profile as well; keep them apart`);
  if (modes.length === 0 || planners.length === 0 || counts.length === 0) {
    throw invalid("planners", "wanted are a mode, a planner and a number of lazy layers, or several");
  }
  for (const mode of modes) {
    const candidates = candidateLayers(probe.layers, { mode, firstLazyLayer });
    for (const n of counts) checkCount(n, candidates.length, probe.layers);
  }
  if (counts.includes(0)) {
    throw invalid("lazyLayers", "a plan without lazy layers is the dense model; ask for 1 or more");
  }
}
