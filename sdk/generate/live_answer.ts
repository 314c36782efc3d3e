import type { Backend, SamplingBuffers } from "../backend/backend.ts";
import type { AbortState } from "../model/pacer.ts";
import type { PrefillTimes } from "../model/vlm.ts";
import type { Detokenizer } from "../text/detokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Channel } from "./channel.ts";
import type { Constraint } from "./grammar/constraint.ts";
import type { LogprobReader, TokenLogprob } from "./logprobs.ts";
import type { Sampler } from "./sampling.ts";
import { type Delta, TokenLog } from "./token_log.ts";

/** How an answer is made. */
export interface AnswerOptions {
  readonly sampler: Sampler;
  readonly detokenizer: Detokenizer;
  /** The most tokens of the answer. */
  readonly maxTokens: number;
  /** What the answer is held to, if anything. */
  readonly constraint?: Constraint | undefined;
  /** What reads log probabilities, if they are wanted. */
  readonly logprobs?: LogprobReader | undefined;
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

/** What was chosen, with what is told of it if that is wanted. */
export interface ChosenToken {
  readonly id: number;
  readonly probability?: TokenLogprob | undefined;
}

/** An `AbortController` and its signal without the runtime: requests look at each other's. */
class Abort implements AbortState {
  #aborted = false;
  #reason: unknown;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  /** The first reason holds. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
  }
}

/** An answer in the making: takes logits, gives text. */
export class LiveAnswer {
  readonly ids: number[] = [];
  readonly #tokenizer: Tokenizer;
  readonly #options: AnswerOptions;
  readonly #channel = new Channel<Delta, Generated>();
  readonly #log = new TokenLog();
  readonly #state = new Abort();
  #times: PrefillTimes = { visionMs: 0, prefillMs: 0 };
  #cachedTokens = 0;
  /** Time of the decode steps that it took part in, until their tokens were known; and when the last one was. */
  #decodeMs = 0;
  #takenAt = 0;
  /** Until all tokens are taken that have been chosen. */
  #accepted = Promise.resolve();
  /** Certain, and not given out yet. */
  #text = "";

  constructor(tokenizer: Tokenizer, options: AnswerOptions) {
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortState {
    return this.#state;
  }

  get ended(): boolean {
    return this.#channel.ended;
  }

  /** The token that the network is to see next. */
  get lastId(): number {
    return this.ids.at(-1)!;
  }

  read(): AsyncGenerator<Delta, Generated> {
    return this.#channel.read();
  }

  /** Ends the work, and the answer with a reason if it has not ended yet. */
  abort(reason: unknown): void {
    this.#state.abort(reason);
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

  /** True if its tokens can be chosen ahead: none looks at those before it. */
  get runsAhead(): boolean {
    const { sampler, constraint, logprobs } = this.#options;
    return !constraint && !logprobs && !sampler.looksBack;
  }

  /** Tokens that it can still have. */
  get tokensLeft(): number {
    return this.#options.maxTokens - this.ids.length;
  }

  /**
   * Chooses the next token, for `accept`.
   *
   * @param logits Address of f32 [vocabulary].
   * @param to 0, or where the id is left as well: see `Backend.argmax`.
   */
  async choose(
    backend: Backend,
    logits: number,
    vocabulary: number,
    buffers: SamplingBuffers,
    to = 0,
  ): Promise<ChosenToken> {
    const { sampler, constraint, logprobs } = this.#options;
    // where nothing is to be waited for, the choice is made before this returns
    const tell = logprobs && await logprobs.read(backend, logits, vocabulary);
    if (constraint) await constraint.apply(backend, logits, vocabulary);
    // a penalty must not bring a token back that is not allowed
    const recent = constraint ? this.ids.filter((id) => constraint.allows(id)) : this.ids;
    const id = await sampler.sample(backend, logits, vocabulary, buffers, recent, to);
    return { id, probability: tell?.(id) };
  }

  /**
   * Takes a token, after those before it, and gives out the text that is certain with it. An error ends the answer; one that
   * has ended takes nothing.
   *
   * @param room Tokens that its cache can still take.
   * @param started When the step began that it comes of; left out for one of the prompt.
   */
  accept(chosen: Promise<ChosenToken>, room: number, started?: number): Promise<void> {
    const before = this.#accepted;
    return this.#accepted = (async () => {
      try {
        const token = await chosen;
        await before;
        if (this.ended) return;
        const now = performance.now();
        if (started !== undefined) this.#decodeMs += now - Math.max(started, this.#takenAt);
        this.#takenAt = now;
        this.#accept(token, room);
      } catch (error) {
        this.fail(error);
      }
    })();
  }

  #accept({ id, probability }: ChosenToken, room: number): void {
    const { detokenizer, maxTokens, constraint } = this.#options;
    this.ids.push(id);
    if (this.#tokenizer.endIds.has(id)) return this.#end("stop");
    constraint?.push(id);
    this.#add(detokenizer.push(id), probability);
    if (detokenizer.stopped || constraint?.ended) this.#end("stop");
    else if (this.ids.length === maxTokens || room === 0) this.#end("length");
    else this.#give();
  }

  #end(finishReason: Generated["finishReason"]): void {
    const { detokenizer } = this.#options;
    this.#text += detokenizer.finish();
    const tokens = this.#log.finish(this.#text.length, detokenizer.stopped);
    if (this.#text !== "" || tokens.length > 0) this.#channel.push({ text: this.#text, tokens });
    const decodeMs = this.#decodeMs;
    const cachedTokens = this.#cachedTokens;
    this.#channel.end({ finishReason, completionTokens: this.ids.length, cachedTokens, ...this.#times, decodeMs });
  }

  #add(text: string, token: TokenLogprob | undefined): void {
    this.#text += text;
    if (token) this.#log.push(token, this.#text.length + this.#options.detokenizer.heldLength);
  }

  #give(): void {
    if (this.#text === "") return;
    this.#channel.push({ text: this.#text, tokens: this.#log.give(this.#text.length) });
    this.#text = "";
  }
}
