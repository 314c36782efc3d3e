/** Where a decode step's time goes, alone and for several conversations together. */
import { Pacer } from "../../../sdk/model/pacer.ts";
import { median } from "../measure.ts";
import { NANO, openPair } from "../model.ts";
import { timed } from "../profile.ts";

/** A step of so many conversations, milliseconds by operation, the largest first; `other` passes between the operations. */
export interface StepProfile {
  readonly conversations: number;
  readonly stepMs: number;
  readonly ms: Readonly<Record<string, number>>;
}

/** Tokens in each cache before the steps, and steps that are timed. */
const [FILLED, STEPS] = [64, 40];

/** Profiles of steps of the embedded model; medians, in turns. */
export async function profileSteps(counts: readonly number[]): Promise<StepProfile[]> {
  const operations = new Map<string, number>();
  const most = Math.max(...counts);
  const { model: { vlm, caches } } = await openPair(NANO, 256, {
    conversations: most,
    wrap: (backend) => timed(backend, operations),
  });
  const { vocabulary } = vlm.language.config;
  const id = (row: number, step: number) => (row * 131 + step * 17 + 1) % (vocabulary - 16);
  for (const [row, cache] of caches.entries()) {
    await vlm.force(cache, Array.from({ length: FILLED }, (_, i) => id(row, i)), new Pacer());
  }
  const runs = counts.map((): { total: number; ms: Map<string, number> }[] => []);
  const pacer = new Pacer();
  for (let step = -STEPS; step < STEPS; step++) {
    for (const [i, count] of counts.entries()) {
      const some = caches.slice(0, count);
      for (const cache of some) cache.truncate(FILLED);
      operations.clear();
      const started = performance.now();
      await vlm.steps(some.map((cache, row) => ({ cache, ids: [id(row, step + STEPS)] })), pacer);
      if (step >= 0) runs[i]!.push({ total: performance.now() - started, ms: new Map(operations) });
    }
  }
  return counts.map((conversations, i) => {
    const stepMs = median(runs[i]!.map(({ total }) => total));
    const names = [...runs[i]![0]!.ms.keys()];
    const named = names.map((name) => [name, median(runs[i]!.map(({ ms }) => ms.get(name) ?? 0))] as const);
    const other = stepMs - named.reduce((sum, [, ms]) => sum + ms, 0);
    const sorted = [...named, ["other", other] as const].toSorted((a, b) => b[1] - a[1]);
    return { conversations, stepMs, ms: Object.fromEntries(sorted) };
  });
}
