import type { Backend, SamplingBuffers } from "../backend/backend.ts";
import type { PrefillTimes } from "../model/vlm.ts";
import type { Detokenizer } from "../text/detokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Channel } from "./channel.ts";
import type { Sampler } from "./sampling.ts";

/** How an answer is made. */
export interface AnswerOptions {
  readonly sampler: Sampler;
  readonly detokenizer: Detokenizer;
  /** The most tokens of the answer. */
  readonly maxTokens: number;
}

/** How an answer came out. Times are milliseconds. */
export interface Generated {
  /** "stop": the model or a stop string ended it; "length": `maxTokens` or the context did. */
  readonly finishReason: "stop" | "length";
  /** Tokens made, the one that ended the answer included. */
  readonly completionTokens: number;
  /** Tokens of the prompt that were in a cache already. */
  readonly cachedTokens: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** All decode steps together. */
  readonly decodeMs: number;
}

/** An answer in the making: takes logits, gives text. */
export class LiveAnswer {
  readonly ids: number[] = [];
  /** Time of the decode steps that it took part in. */
  decodeMs = 0;
  readonly #tokenizer: Tokenizer;
  readonly #options: AnswerOptions;
  readonly #channel = new Channel<string, Generated>();
  readonly #controller = new AbortController();
  #times: PrefillTimes = { visionMs: 0, prefillMs: 0 };
  #cachedTokens = 0;

  constructor(tokenizer: Tokenizer, options: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get ended(): boolean {
    return this.#channel.ended;
  }

  /** The token that the network is to see next. */
  get lastId(): number {
    return this.ids.at(-1)!;
  }

  read(): AsyncGenerator<string, Generated> {
    return this.#channel.read();
  }

  /** Ends the work, and the answer with a reason if it has not ended yet. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.fail(reason);
  }

  fail(error: unknown): void {
    this.#channel.fail(error);
  }

  /** The prompt is in the cache. */
  filled(times: PrefillTimes, cachedTokens: number): void {
    this.#times = times;
    this.#cachedTokens = cachedTokens;
  }

  /**
   * Chooses the next token and gives out the text that is certain with it. An error ends the answer.
   *
   * @param logits Address of f32 [vocabulary].
   * @param room Tokens that its cache can still take.
   */
  take(backend: Backend, logits: number, vocabulary: number, buffers: SamplingBuffers, room: number): void {
    const { sampler, detokenizer, maxTokens } = this.#options;
    try {
      const id = sampler.sample(backend, logits, vocabulary, buffers, this.ids);
      this.ids.push(id);
      if (this.#tokenizer.endIds.has(id)) return this.#end("stop");
      this.#give(detokenizer.push(id));
      if (detokenizer.stopped) this.#end("stop");
      else if (this.ids.length === maxTokens || room === 0) this.#end("length");
    } catch (error) {
      this.fail(error);
    }
  }

  #end(finishReason: Generated["finishReason"]): void {
    this.#give(this.#options.detokenizer.finish());
    const { decodeMs } = this;
    const cachedTokens = this.#cachedTokens;
    this.#channel.end({ finishReason, completionTokens: this.ids.length, cachedTokens, ...this.#times, decodeMs });
  }

  #give(text: string): void {
    if (text !== "") this.#channel.push(text);
  }
}
