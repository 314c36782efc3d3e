/** What a plan without lazy layers costs beside no plan at all. */
import { planOf } from "../../../sdk/lazy/plan.ts";
import { Pacer } from "../../../sdk/model/pacer.ts";
import { assemble, type Assembled, planModel } from "../../../sdk/model/assemble.ts";
import { languageTensors } from "../../../sdk/model/tensors.ts";
import type { Clock } from "./clock.ts";
import { median } from "../measure.ts";
import { anyIds, openPair, type PairPaths } from "../model.ts";

/** Pairs before the first that counts: engines compile what is hot. */
const WARM_UP_PAIRS = 12;

/** One kind of work, done by both. */
export interface PairedTimes {
  readonly what: string;
  readonly offMs: number;
  readonly planMs: number;
  /** Median of plan over off, each pair measured one right after the other. */
  readonly ratio: number;
  /** Middle half of these ratios. */
  readonly quartiles: readonly [number, number];
  /** What the median of so many lies in with 95 % confidence, by its rank alone. */
  readonly interval: readonly [number, number];
  readonly pairs: number;
}

/**
 * Median, middle half and confidence interval of the ratios of pairs. The interval's ranks are n/2 -+ 1.96 sqrt(n)/2, the
 * normal approximation of a binomial count.
 */
export function paired(what: string, off: readonly number[], plan: readonly number[]): PairedTimes {
  const ratios = plan.map((ms, i) => ms / off[i]!).sort((a, b) => a - b);
  const n = ratios.length;
  const at = (rank: number) => ratios[Math.max(0, Math.min(n - 1, Math.round(rank)))]!;
  const half = 0.98 * Math.sqrt(n);
  return {
    ...{ what, offMs: median(off), planMs: median(plan), ratio: median(ratios), pairs: n },
    quartiles: [at((n - 1) / 4), at(3 * (n - 1) / 4)],
    interval: [at((n - 1) / 2 - half), at((n - 1) / 2 + half)],
  };
}

/**
 * Prefill of a prompt of text and decode steps after it, without a plan and with one that names no lazy layer, in the
 * mode that has more to decide. Both networks lie in one memory: where the system puts a memory makes differences of a few
 * percent. Which goes first changes from pair to pair.
 *
 * @param pairs Prefills; of decode steps, which are short, ten times as many.
 */
export async function measureNoLazy(
  paths: PairPaths,
  promptTokens: number,
  pairs: number,
  clock: Clock,
): Promise<PairedTimes[]> {
  const { off, plan } = await openBoth(paths, promptTokens + 8);
  const { vocabulary } = off.vlm.language.config;
  const prompt = [{ kind: "text" as const, ids: anyIds(promptTokens, vocabulary, 1) }];
  const pacer = new Pacer();
  const prefill = async ({ vlm, cache }: Assembled) => {
    cache.truncate(0);
    await vlm.prefill(cache, prompt);
  };
  const step = async ({ vlm, cache }: Assembled) => {
    await vlm.step(cache, 100, pacer);
    cache.truncate(promptTokens);
  };
  const measured: PairedTimes[] = [];
  for (const [what, work, count] of [["prefill", prefill, pairs], ["decode step", step, 10 * pairs]] as const) {
    const times = { off: [] as number[], plan: [] as number[] };
    for (let i = -WARM_UP_PAIRS; i < count; i++) {
      const sides = [["off", off], ["plan", plan]] as const;
      for (const [side, model] of i % 2 === 0 ? sides : sides.toReversed()) {
        const started = clock();
        await work(model);
        if (i >= 0) times[side].push(clock() - started);
      }
    }
    measured.push(paired(what, times.off, times.plan));
  }
  return measured;
}

/** A pair as it is loaded without a plan, and with one that names no lazy layer, on the same weights. */
async function openBoth(paths: PairPaths, contextTokens: number): Promise<{ off: Assembled; plan: Assembled }> {
  const { model: off, pair, backend } = await openPair(paths, contextTokens);
  const lazy = planOf(pair.languageConfig.layers, [], "vla");
  const named = { ...pair, lazy, languageTensors: languageTensors(pair.text, pair.languageConfig, lazy) };
  const memoryBudget = backend.memory.buffer.byteLength + off.imageBytes;
  const plan = assemble(backend, named, planModel(backend, named, { memoryBudget, weights: "auto", contextTokens }));
  const placesOf = ({ parts, placed }: Assembled) => JSON.stringify([parts, placed.map(({ address }) => address)]);
  if (placesOf(plan) === placesOf(off)) return { off, plan };
  throw new Error("a plan without lazy layers takes other memory than none");
}
