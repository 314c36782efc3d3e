import type { KvCache } from "../lazy/cache.ts";
import { Pacer } from "../model/pacer.ts";
import type { PromptPiece, Vlm } from "../model/vlm.ts";
import type { Detokenizer } from "../text/detokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Sampler } from "./sampling.ts";

/** How an answer is made. */
export interface GenerateOptions {
  readonly sampler: Sampler;
  readonly detokenizer: Detokenizer;
  /** The most tokens of the answer. */
  readonly maxTokens: number;
  readonly signal?: AbortSignal | undefined;
}

/** How an answer came out. Times are milliseconds. */
export interface Generated {
  /** "stop": the model or a stop string ended it; "length": `maxTokens` or the context did. */
  readonly finishReason: "stop" | "length";
  /** Tokens made, the one that ended the answer included. */
  readonly completionTokens: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** All decode steps together. */
  readonly decodeMs: number;
}

/** Fills the cache with a prompt and yields the answer's text as it becomes certain. */
export async function* generate(
  vlm: Vlm,
  tokenizer: Tokenizer,
  cache: KvCache,
  prompt: Iterable<PromptPiece>,
  options: GenerateOptions,
): AsyncGenerator<string, Generated> {
  const { sampler, detokenizer } = options;
  const pacer = new Pacer(options.signal);
  const { backend, language } = vlm;
  const ids: number[] = [];

  const { logits: first, visionMs, prefillMs } = await vlm.prefill(cache, prompt, options.signal);
  const started = performance.now();
  /** Time that whoever takes the text has let pass. */
  let takenMs = 0;
  let logits = first;
  let finishReason: "stop" | "length" = "length";
  while (ids.length < options.maxTokens) {
    const id = sampler.sample(backend, logits, language.config.vocabulary, language.sampling, ids);
    ids.push(id);
    if (tokenizer.endIds.has(id)) {
      finishReason = "stop";
      break;
    }
    const delta = detokenizer.push(id);
    if (delta !== "") {
      const given = performance.now();
      yield delta;
      takenMs += performance.now() - given;
    }
    if (detokenizer.stopped) {
      finishReason = "stop";
      break;
    }
    if (ids.length === options.maxTokens || cache.room === 0) break;
    await pacer.pause();
    logits = await vlm.step(cache, id, pacer);
  }
  const decodeMs = performance.now() - started - takenMs;
  const rest = detokenizer.finish();
  if (rest !== "") yield rest;
  return { finishReason, completionTokens: ids.length, visionMs, prefillMs, decodeMs };
}
