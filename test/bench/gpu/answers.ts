import { load } from "../../../sdk/load.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import type { Job } from "../measure.ts";
import type { PairPaths } from "../model.ts";

const TOKENS = 96;
/** Requests at once. */
const AT_ONCE = [1, 8];

/** Whole answers through a captioner; `work` is tokens. What is drawn at this temperature hardly ever ends an answer. */
export async function answerJobs(paths: PairPaths, backend: "wasm" | "webgpu") {
  const captioner = await load({
    ...{ text: fileSource(paths.text), vision: fileSource(paths.vision), backend, contextTokens: 256 },
    ...{ conversations: Math.max(...AT_ONCE), memoryBudget: 2 ** 30 },
  });
  const answer = async (seed: number) => {
    const options = { maxTokens: TOKENS, temperature: 3, seed };
    const { usage } = await captioner.chat([{ role: "user", content: "Tell me a story." }], options).result;
    if (usage.completionTokens < TOKENS) throw new Error(`the answer ended after ${usage.completionTokens} tokens`);
  };
  const jobs = AT_ONCE.map((count): Job => ({
    name: count === 1 ? "an answer, through the captioner" : `${count} answers at once`,
    work: count * TOKENS,
    run: async () => void await Promise.all(Array.from({ length: count }, (_, i) => answer(i + 1))),
  }));
  return { jobs, close: () => captioner.close() };
}
