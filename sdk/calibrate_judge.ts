import { type ForcedAgreement, forcedAgreement } from "./evaluate/agreement.ts";
import type { ImageInput } from "./image/input.ts";
import { densePlan, type LazyPlan, planKey } from "./lazy/plan.ts";
import type { Prepared, Probe } from "./probe.ts";

/** A picture to calibrate with. */
export interface CalibrationPicture {
  /** The same name means the same picture, in a record too. */
  readonly name: string;
  /** Its bytes, asked for when its turn comes. */
  read(): Promise<ImageInput>;
}

/** How a plan does on the held-out pictures, beside the dense model, both with an f16 cache: means over pictures. */
export interface PlanMeasure extends ForcedAgreement {
  /** Keys and values that a prompt has in the cache. */
  readonly kvBytes: number;
}

/**
 * How long a plan takes: medians over pictures. A picture's ratio is to the dense model's time, both taken twice, in the
 * order dense, plan, plan, dense, so that other work on the machine which comes or goes slowly falls on both.
 */
export interface PlanTimes {
  /** Of the pass over the prompt. */
  readonly prefillMs: number;
  /** The same as a multiple of the dense model's: below 1 is faster. */
  readonly prefillRatio: number;
  /** Of the pass that follows the dense model's answer, divided by its tokens. */
  readonly forcedTokenMs: number;
  /** The same as a multiple of the dense model's. */
  readonly forcedRatio: number;
}

/** Results that are kept, so that a calibration which was cut short goes on: for the same model and options. */
export interface CalibrationRecord<T> {
  /** A result of before; undefined if there is none. */
  get(item: string): T | undefined;
  /** Called with each result when it is there. */
  add(item: string, result: T): void;
}

/** What has been done. */
export interface CalibrationProgress {
  /**
   * "profile": the dense model's attention on a picture; "held-out": its answer about one; "plan": a plan was measured;
   * "times": and timed.
   */
  readonly what: "profile" | "held-out" | "plan" | "times";
  /** A picture's name, or a plan's key. */
  readonly item: string;
  /** Of a plan. */
  readonly measure?: PlanMeasure;
}

/** What is known of a plan. */
export interface PlanResult {
  /** How it follows the dense model. */
  readonly measure: PlanMeasure;
  /** How long it takes. */
  readonly times: PlanTimes;
}

/** By what plans are judged. */
export interface JudgeOptions {
  /** At least one. */
  readonly heldOut: readonly CalibrationPicture[];
  /** Asked of every picture. */
  readonly question: string;
  /** Tokens of an answer at most; 26. */
  readonly maxTokens?: number | undefined;
  /** By `planKey`. */
  readonly measures?: CalibrationRecord<PlanMeasure>;
  /** By `planKey`. */
  readonly times?: CalibrationRecord<PlanTimes>;
  /** Called after each step; what a record brings is not told again. */
  readonly onProgress?: (progress: CalibrationProgress) => void;
  /** Ends the work; what is thrown is its reason. */
  readonly signal?: AbortSignal;
}

/** Pictures that times are taken of, at most. */
const TIMED_PICTURES = 16;

/** A held-out picture, with what the dense model makes of it. */
interface HeldOut {
  readonly prepared: Prepared;
  readonly ids: readonly number[];
  /** f32 [vocabulary] before each of the ids. */
  readonly logits: readonly Float32Array[];
}

/** Measures plans, each once. The dense model answers when the first one is to be measured. */
export class Judge {
  readonly #probe: Probe;
  readonly #options: JudgeOptions;
  readonly #measures = new Map<string, PlanMeasure>();
  readonly #times = new Map<string, PlanTimes>();
  #heldOut: HeldOut[] | undefined;

  constructor(probe: Probe, options: JudgeOptions) {
    this.#probe = probe;
    this.#options = options;
  }

  async measure(plan: LazyPlan): Promise<PlanMeasure> {
    const { measures, onProgress } = this.#options;
    const tell = (item: string, measure: PlanMeasure) => onProgress?.({ what: "plan", item, measure });
    return await once(planKey(plan), this.#measures, measures, () => this.#compare(plan), tell);
  }

  /** With its times, which are of interest for few of the plans that a search measures. */
  async result(plan: LazyPlan): Promise<PlanResult> {
    const { times, onProgress } = this.#options;
    const tell = (item: string) => onProgress?.({ what: "times", item });
    return {
      measure: await this.measure(plan),
      times: await once(planKey(plan), this.#times, times, () => this.#time(plan), tell),
    };
  }

  async #compare(lazy: LazyPlan): Promise<PlanMeasure> {
    this.#heldOut ??= await this.#answer();
    const measures: PlanMeasure[] = [];
    for (const { prepared, ids, logits } of this.#heldOut) {
      const { kvBytes, ...forced } = await this.#probe.forced(prepared, { lazy }, ids, this.#options.signal);
      measures.push({ ...forcedAgreement(logits, forced.logits), kvBytes });
    }
    const all = (name: keyof PlanMeasure) => mean(measures.map((measure) => measure[name]));
    return { kl: all("kl"), equalShare: all("equalShare"), kvBytes: all("kvBytes") };
  }

  async #time(lazy: LazyPlan): Promise<PlanTimes> {
    this.#heldOut ??= await this.#answer();
    const dense = densePlan(this.#probe.layers);
    const all: PlanTimes[] = [];
    for (const { prepared, ids } of this.#heldOut.slice(0, TIMED_PICTURES)) {
      const sum = { dense: { prefill: 0, answer: 0 }, own: { prefill: 0, answer: 0 } };
      const turns = [[dense, sum.dense], [lazy, sum.own], [lazy, sum.own], [dense, sum.dense]] as const;
      for (const [plan, times] of turns) {
        const forced = await this.#probe.forced(prepared, { lazy: plan }, ids, this.#options.signal);
        times.prefill += forced.prefillMs;
        times.answer += forced.forcedMs;
      }
      all.push({
        ...{ prefillMs: sum.own.prefill / 2, prefillRatio: sum.own.prefill / sum.dense.prefill },
        ...{ forcedTokenMs: sum.own.answer / 2 / ids.length, forcedRatio: sum.own.answer / sum.dense.answer },
      });
    }
    const middle = (name: keyof PlanTimes) => median(all.map((times) => times[name]));
    return {
      ...{ prefillMs: middle("prefillMs"), prefillRatio: middle("prefillRatio") },
      ...{ forcedTokenMs: middle("forcedTokenMs"), forcedRatio: middle("forcedRatio") },
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

/** A result that is known already, or computed now, recorded and told. */
async function once<T>(
  key: string,
  known: Map<string, T>,
  record: CalibrationRecord<T> | undefined,
  compute: () => Promise<T>,
  tell: (key: string, result: T) => void,
): Promise<T> {
  let result = known.get(key) ?? record?.get(key);
  if (result === undefined) {
    result = await compute();
    record?.add(key, result);
    tell(key, result);
  }
  known.set(key, result);
  return result;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of an even number, the upper one of the two in the middle. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
