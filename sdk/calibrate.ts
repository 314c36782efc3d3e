import { LorisError } from "./errors.ts";
import { type ForcedAgreement, forcedAgreement } from "./evaluate/agreement.ts";
import { Random } from "./generate/random.ts";
import type { ImageInput } from "./image/input.ts";
import { type DivergenceProfile, divergenceProfile, MeanProfile } from "./lazy/divergence.ts";
import { greedyPlan } from "./lazy/greedy.ts";
import { densePlan, lazyLayers, type LazyMode, type LazyPlan, planKey } from "./lazy/plan.ts";
import { candidateLayers, checkCount, randomPlan, thresholdPlanForCount } from "./lazy/planners.ts";
import type { Prepared, Probe } from "./probe.ts";

/** Ways to look for a plan; `carried` is the one that the model's file has, and not asked for. */
export const PLANNERS = ["threshold", "greedy", "random"] as const;
export type Planner = (typeof PLANNERS)[number];

/** A picture to calibrate with. */
export interface CalibrationPicture {
  /** The same name means the same picture, in a record too. */
  readonly name: string;
  read(): Promise<ImageInput>;
}

/** How a plan does on the held-out pictures beside the dense model, both with an f16 cache: means over pictures, of times medians. */
export interface PlanMeasure extends ForcedAgreement {
  /** Keys and values that a prompt has in the cache. */
  readonly kvBytes: number;
  readonly prefillMs: number;
  /** Of the pass that follows the dense model's answer, divided by its tokens. */
  readonly forcedTokenMs: number;
}

/** Results that are kept, so that a calibration which was cut short goes on: for the same model and options. */
export interface CalibrationRecord<T> {
  get(item: string): T | undefined;
  add(item: string, result: T): void;
}

/** What has been done. */
export interface CalibrationProgress {
  readonly what: "profile" | "held-out" | "plan";
  /** A picture's name, or a plan's key. */
  readonly item: string;
  /** Of a plan. */
  readonly measure?: PlanMeasure;
}

/** How to calibrate. */
export interface CalibrateOptions {
  /** Of which the divergence profile is the mean. At least one. */
  readonly profilePictures: readonly CalibrationPicture[];
  /** By which plans are judged; at least one, and none of those above. */
  readonly heldOut: readonly CalibrationPicture[];
  readonly question: string;
  readonly modes: readonly LazyMode[];
  /** Numbers of lazy layers to find plans for. */
  readonly lazyLayers: readonly number[];
  readonly planners: readonly Planner[];
  /** Layers before this one are never lazy; 2, if left out: the first ones stay out unless it is said otherwise. */
  readonly firstLazyLayer?: number;
  /** Tokens of an answer at most; 26. */
  readonly maxTokens?: number | undefined;
  /** Plans of the planner `random` for each number of lazy layers; 3. */
  readonly randomPlans?: number;
  /** By picture name. */
  readonly profiles?: CalibrationRecord<DivergenceProfile>;
  /** By `planKey`. */
  readonly measures?: CalibrationRecord<PlanMeasure>;
  readonly onProgress?: (progress: CalibrationProgress) => void;
  readonly signal?: AbortSignal;
}

/** A plan that was tried. */
export interface CalibrationRow {
  /** `greedy`, `random 2`, or `carried` for the plan in the model's file. */
  readonly planner: string;
  readonly plan: LazyPlan;
  readonly lazyLayers: number;
  readonly measure: PlanMeasure;
}

/** What a calibration found. */
export interface Calibration {
  readonly profile: DivergenceProfile;
  readonly dense: PlanMeasure;
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
  const dense = await judge.measure(densePlan(probe.layers));
  const rows: CalibrationRow[] = [];
  for (const mode of options.modes) {
    for await (const [planner, plan] of proposals(probe, profile, mode, judge, options)) {
      rows.push({ planner, plan, lazyLayers: lazyLayers(plan).length, measure: await judge.measure(plan) });
    }
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

/** A held-out picture, with what the dense model makes of it. */
interface HeldOut {
  readonly prepared: Prepared;
  readonly ids: readonly number[];
  /** f32 [vocabulary] before each of the ids. */
  readonly logits: readonly Float32Array[];
}

/** Measures plans, each once. The dense model answers when the first one is to be measured. */
class Judge {
  readonly #probe: Probe;
  readonly #options: CalibrateOptions;
  readonly #measured = new Map<string, PlanMeasure>();
  #heldOut: HeldOut[] | undefined;

  constructor(probe: Probe, options: CalibrateOptions) {
    this.#probe = probe;
    this.#options = options;
  }

  async measure(plan: LazyPlan): Promise<PlanMeasure> {
    const { measures, onProgress } = this.#options;
    const key = planKey(plan);
    let measure = this.#measured.get(key) ?? measures?.get(key);
    if (!measure) {
      measure = await this.#run(plan);
      measures?.add(key, measure);
      onProgress?.({ what: "plan", item: key, measure });
    }
    this.#measured.set(key, measure);
    return measure;
  }

  async #run(lazy: LazyPlan): Promise<PlanMeasure> {
    const { signal } = this.#options;
    this.#heldOut ??= await this.#answer();
    const forced: PlanMeasure[] = [];
    for (const { prepared, ids, logits } of this.#heldOut) {
      const { kvBytes, prefillMs, forcedMs, ...own } = await this.#probe.forced(prepared, { lazy }, ids, signal);
      forced.push({ ...forcedAgreement(logits, own.logits), kvBytes, prefillMs, forcedTokenMs: forcedMs / ids.length });
    }
    const all = (name: keyof PlanMeasure) => forced.map((measure) => measure[name]);
    return {
      ...{ kl: mean(all("kl")), equalShare: mean(all("equalShare")), kvBytes: mean(all("kvBytes")) },
      ...{ prefillMs: median(all("prefillMs")), forcedTokenMs: median(all("forcedTokenMs")) },
    };
  }

  async #answer(): Promise<HeldOut[]> {
    const { heldOut, question, maxTokens = 26, onProgress, signal } = this.#options;
    const dense = { lazy: densePlan(this.#probe.layers) };
    const answers: HeldOut[] = [];
    for (const { name, read } of heldOut) {
      const prepared = await this.#probe.prepare(await read(), question, signal);
      const { ids } = await this.#probe.answer(prepared, dense, { maxTokens, signal });
      const { logits } = await this.#probe.forced(prepared, dense, ids, signal);
      answers.push({ prepared, ids, logits });
      onProgress?.({ what: "held-out", item: name });
    }
    return answers;
  }
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

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of an even number, the upper one of the two in the middle. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
