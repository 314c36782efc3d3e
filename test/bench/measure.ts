/** Something to be timed: `work` is what one run does, in the unit that the caller will divide by time. */
export interface Job {
  readonly name: string;
  readonly work: number;
  readonly run: () => void | Promise<void>;
}

/** A job's times. */
export interface Timing {
  readonly name: string;
  readonly work: number;
  /** Median milliseconds of a run. */
  readonly ms: number;
  /** Work a second. */
  readonly perSecond: number;
}

/** The middle value; of an even number of them the upper of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/**
 * Runs jobs in turn, round after round, so that what disturbs the machine disturbs all alike; medians of `rounds`.
 * Short jobs are repeated within a round until they take `minMs`.
 */
export async function interleave(jobs: readonly Job[], rounds = 5, minMs = 12): Promise<Timing[]> {
  const repeats: number[] = [];
  for (const job of jobs) {
    // twice to warm up: engines compile what is hot
    await timeOf(job, 1);
    repeats.push(Math.max(1, Math.ceil(minMs / Math.max(await timeOf(job, 1), 0.001))));
  }
  const times: number[][] = jobs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, job] of jobs.entries()) times[i]!.push(await timeOf(job, repeats[i]!) / repeats[i]!);
  }
  return jobs.map(({ name, work }, i) => {
    const ms = median(times[i]!);
    return { name, work, ms, perSecond: work / ms * 1000 };
  });
}

async function timeOf(job: Job, repeats: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < repeats; i++) {
    const pending = job.run();
    if (pending) await pending;
  }
  return performance.now() - started;
}
