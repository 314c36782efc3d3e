import { Pacer } from "../../../sdk/model/pacer.ts";
import type { Assembled } from "../../../sdk/model/assemble.ts";
import { anyIds, anyTile } from "../model.ts";
import type { Job } from "../measure.ts";

const DECODED = 32;

/** What a user waits for, as jobs of one model; `work` is tokens, or tiles. */
export function networkJobs(model: Assembled, prompts: readonly number[]): Job[] {
  const { vlm, cache } = model;
  const { vocabulary } = vlm.language.config;
  const pacer = new Pacer();
  const tile = anyTile(model);
  const jobs: Job[] = [{ name: "encode a tile", work: 1, run: async () => void await vlm.imageTokens(tile) }];
  for (const count of prompts) {
    const ids = anyIds(count, vocabulary, 1);
    const prefill = async () => {
      cache.truncate(0);
      const { logits } = await vlm.prefill(cache, [{ kind: "text", ids }]);
      return await vlm.backend.argmax(logits, vocabulary);
    };
    jobs.push({ name: `prefill ${count} tokens`, work: count, run: async () => void await prefill() });
    jobs.push({
      name: `decode after ${count}, each token waited for`,
      work: DECODED,
      async run() {
        if (cache.length < count) await prefill();
        cache.truncate(count);
        let id = 1;
        for (let i = 0; i < DECODED; i++) id = await vlm.backend.argmax(await vlm.step(cache, id, pacer), vocabulary);
      },
    });
  }
  return jobs;
}
