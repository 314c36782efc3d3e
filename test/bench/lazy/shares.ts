/** Memory and time of each mode by its share of lazy layers, beside what counting predicts. */
import { kvElements, lazyLayers, type LazyPlan } from "../../../sdk/lazy/plan.ts";
import { Pacer } from "../../../sdk/model/pacer.ts";
import type { PromptPiece } from "../../../sdk/model/vlm.ts";
import { median } from "../measure.ts";
import { checkSpeedsFor, measureSpeeds } from "./speeds.ts";
import { decodeBytes, decodeWork, predictedMs, prefillWork } from "./cost.ts";
import type { Lab } from "./lab.ts";
import { visualPositions } from "./prompt.ts";
import { orderOf } from "./turns.ts";

/** One plan of one prompt. Ratios are to the dense plan. */
export interface ShareRow {
  readonly name: string;
  readonly lazyLayers: number;
  /** Keys and values of the prompt, asked from the cache itself. */
  readonly kvBytes: number;
  /** The same by the formula of the design. */
  readonly formulaBytes: number;
  /** Of both networks, as they are loaded under this plan. */
  readonly weightBytes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
  readonly prefillRatio: Compared;
  readonly decodeRatio: Compared;
}

/** A measured ratio beside what predicts it. */
export interface Compared {
  readonly measured: number;
  /** Of counted multiplications, each kind at the speed of its kernels. */
  readonly multiplications: number;
  /** Of the bytes that a decode step reads. */
  readonly bytes?: number;
}

/** All plans of one prompt. */
export interface ShareTable {
  readonly what: string;
  readonly promptTokens: number;
  readonly imageTokens: number;
  readonly rounds: number;
  readonly rows: readonly ShareRow[];
}

/** A plan with the name that tables give it; the first one of a list is dense. */
export interface NamedPlan {
  readonly name: string;
  readonly lazy: LazyPlan;
}

/** Decode steps of a round: at least so many, and until so much time is spent. */
const STEPS = 8;
const STEPS_MS = 150;
const WARM_UP_ROUNDS = 2;

/** @param plans The first one is dense. Each is used once a round. */
export async function measureShares(
  lab: Lab,
  { what, tiles, prompt, plans, rounds }: {
    what: string;
    tiles: number;
    prompt: readonly PromptPiece[];
    plans: readonly NamedPlan[];
    rounds: number;
  },
): Promise<ShareTable> {
  const measured = await measureInTurns(lab, plans, prompt, rounds);
  const visual = visualPositions(tiles, lab.tileTokens);
  const predicted = await predict(lab, plans, visual);
  const imageTokens = visual.filter(Boolean).length;
  const [dense] = measured;
  const slots = { all: visual.length, text: visual.length - imageTokens, perTile: lab.tileTokens };
  const rows = plans.map(({ name, lazy }, i): ShareRow => {
    const { kvBytes, prefillMs, decodeMs } = measured[i]!;
    const [own, reference] = [predicted[i]!, predicted[0]!];
    const { kvHeads, headWidth } = lab.config;
    return {
      ...{ name, lazyLayers: lazyLayers(lazy).length, kvBytes, prefillMs, decodeMs },
      formulaBytes: kvElements(lazy, visual.length, imageTokens, kvHeads * headWidth) * 2,
      weightBytes: lab.planned({ lazy, kv: "f16" }, slots).weightBytes,
      prefillRatio: {
        measured: prefillMs / dense!.prefillMs,
        multiplications: own.prefillMs / reference.prefillMs,
      },
      decodeRatio: {
        measured: decodeMs / dense!.decodeMs,
        multiplications: own.decodeMs / reference.decodeMs,
        bytes: own.decodeBytes / reference.decodeBytes,
      },
    };
  });
  return { what, promptTokens: visual.length, imageTokens, rounds, rows };
}

interface Times {
  readonly kvBytes: number;
  readonly prefillMs: number;
  readonly decodeMs: number;
}

async function measureInTurns(
  lab: Lab,
  plans: readonly NamedPlan[],
  prompt: readonly PromptPiece[],
  rounds: number,
): Promise<Times[]> {
  const pacer = new Pacer();
  const times = plans.map(() => ({ kvBytes: 0, prefill: [] as number[], decode: [] as number[] }));
  // the first rounds are for the engine to compile what is hot
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const i of orderOf(plans.length, round + WARM_UP_ROUNDS)) {
      const { vlm, cache } = lab.under({ lazy: plans[i]!.lazy, kv: "f16" });
      const begun = lab.clock();
      await vlm.prefill(cache, prompt);
      const { length, usedBytes } = cache;
      times[i]!.kvBytes = usedBytes;
      if (round >= 0) times[i]!.prefill.push(lab.clock() - begun);
      const stepsBegun = lab.clock();
      for (let step = 0; step < STEPS || lab.clock() - stepsBegun < STEPS_MS; step++) {
        const started = lab.clock();
        await vlm.step(cache, 100 + step % 100, pacer);
        if (round >= 0) times[i]!.decode.push(lab.clock() - started);
        cache.truncate(length);
      }
    }
  }
  return times.map(({ kvBytes, prefill, decode }) => ({
    ...{ kvBytes, prefillMs: median(prefill), decodeMs: median(decode) },
  }));
}

async function predict(lab: Lab, plans: readonly NamedPlan[], visual: readonly boolean[]) {
  const { config } = lab;
  checkSpeedsFor(config);
  const { maxRows } = lab.under({ lazy: plans[0]!.lazy, kv: "f16" }).vlm.language;
  const slots = visual.length;
  // a middle chunk stands for all of them
  const speeds = await measureSpeeds(Math.min(maxRows, slots), Math.max(Math.min(maxRows, slots), slots >> 1));
  const keeps = lab.keeps();
  return plans.map(({ lazy }) => ({
    prefillMs: predictedMs(prefillWork(config, lazy, visual, maxRows, keeps), speeds),
    decodeMs: predictedMs(decodeWork(config, lazy, slots, keeps), speeds),
    decodeBytes: decodeBytes(config, lazy, { weightBytes: lab.decoderBytes(lazy), slots, elementBytes: 2 }),
  }));
}
