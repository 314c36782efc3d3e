import { LorisError } from "../errors.ts";
import type { KvCache } from "../lazy/cache.ts";
import { Pacer } from "../model/pacer.ts";
import type { PromptPiece, Vlm } from "../model/vlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Bell } from "../platform/bell.ts";
import { CachePool, type HeldCache, type Place } from "./cache_pool.ts";
import { Joining } from "./joining.ts";
import { type Generated, LiveAnswer } from "./live_answer.ts";
import type { AnswerOptions } from "./live_answer.ts";
import { slotsOf, type SlottedPiece, type Text } from "./prefix.ts";
import type { Delta } from "./token_log.ts";

/** What is to be answered, and how. */
export interface Request extends AnswerOptions {
  readonly prompt: readonly PromptPiece[];
  readonly signal?: AbortSignal | undefined;
  /** Told of what this request computes, its own answer and others'. */
  readonly waitUntil?: ((work: Promise<void>) => void) | undefined;
}

/** A prompt, and what it puts into the slots of a cache. */
interface Prompt {
  readonly pieces: readonly PromptPiece[];
  readonly slotted: readonly SlottedPiece[];
}

/** A cache in use, and what the prompt in it puts into its slots. */
interface InUse {
  readonly held: HeldCache;
  readonly prompt: readonly SlottedPiece[];
  /** The end of the prompt, where it is to come in with the next step; slots before it, which were filled already. */
  readonly coming?: { readonly text: Text; readonly skip: number } | undefined;
}

/**
 * Answers requests with one network: in the order in which they came, as many at a time as there are caches. Those that are
 * being answered take each step together, in one pass. Prompts of which some text alone is missing come in with a
 * step; between the tiles and passes of any other prompt the others go on. An answer is the same as if it were made alone.
 */
export class Scheduler {
  readonly #vlm: Vlm;
  readonly #tokenizer: Tokenizer;
  readonly #caches: CachePool;
  readonly #waiting: LiveAnswer[] = [];
  readonly #active = new Map<LiveAnswer, InUse>();
  readonly #prompts = new WeakMap<LiveAnswer, Prompt>();
  readonly #pacer = new Pacer();
  /** Whose request computes for all. */
  #computing: LiveAnswer | undefined;
  /** Those that come after it, and what tells them that it is their turn, or that they need none any more. */
  readonly #line = new Map<LiveAnswer, Bell>();
  readonly #computations = new Set<Promise<void>>();
  #closed = false;

  constructor(vlm: Vlm, tokenizer: Tokenizer, caches: readonly KvCache[]) {
    this.#vlm = vlm;
    this.#tokenizer = tokenizer;
    this.#caches = new CachePool(vlm.backend, caches);
  }

  /** Requests that wait for a cache. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Requests that are being answered. */
  get active(): number {
    return this.#active.size;
  }

  /**
   * The answer's text as it becomes certain. Nothing is computed before it is first asked for; from then on it is made
   * whether it is taken or not. Leaving it ends it within a token, a layer or a tile.
   *
   * @throws {LorisError} `non_finite`, `closed`; the signal's reason.
   */
  async *answer(request: Request): AsyncGenerator<Delta, Generated> {
    request.signal?.throwIfAborted();
    if (this.#closed) throw closed();
    const answer = new LiveAnswer(this.#tokenizer, request);
    const { tokensPerTile, vision } = this.#vlm;
    const slotted = slotsOf(request.prompt, tokensPerTile, vision.config.tokens);
    this.#prompts.set(answer, { pieces: request.prompt, slotted });
    const abort = () => {
      answer.abort(request.signal!.reason);
      this.#leave(answer);
    };
    request.signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.push(answer);
    const computed = this.#compute(answer);
    this.#computations.add(computed);
    computed.finally(() => this.#computations.delete(computed));
    request.waitUntil?.(computed);
    try {
      return yield* answer.read();
    } finally {
      request.signal?.removeEventListener("abort", abort);
      // workerd keeps each of these, and what its trace names, until a full collection: none is made for nothing
      if (!answer.ended) answer.abort(new DOMException("nobody reads the answer any more", "AbortError"));
      this.#leave(answer);
      // what a weak map holds survives small collections, and would be kept until a full one
      this.#prompts.delete(answer);
    }
  }

  /** Refuses requests that wait, for a reason, and every later one with `closed`; resolves when those being answered have ended. */
  async close(reason = closed()): Promise<void> {
    this.#closed = true;
    for (const answer of this.#waiting.splice(0)) answer.fail(reason);
    await Promise.all(this.#computations);
  }

  /** It has ended before its turn. */
  #leave(answer: LiveAnswer): void {
    const place = this.#waiting.indexOf(answer);
    if (place >= 0) this.#waiting.splice(place, 1);
    this.#line.get(answer)?.ring();
    this.#line.delete(answer);
  }

  /**
   * Computes for all until its own answer has ended, and leaves it to the next in line then: Cloudflare drops what a request
   * began some time after that request, so that none may compute for others for long.
   */
  async #compute(answer: LiveAnswer): Promise<void> {
    if (this.#computing) {
      const turn = new Bell();
      this.#line.set(answer, turn);
      await turn.wait();
    } else {
      this.#computing = answer;
      // those that come at the same time begin together
      await this.#rest();
    }
    if (this.#computing !== answer) return;
    while (!answer.ended) {
      await this.#begin();
      await this.#step();
      // once its answer has ended, its timers may never come: it passes the turn on before
      if (!answer.ended) await this.#rest();
    }
    this.#release();
    const [after] = this.#line;
    this.#computing = after?.[0];
    if (!after) return;
    this.#line.delete(after[0]);
    after[1].ring();
  }

  /**
   * Gives caches to those that wait, in their order. Prompts that lack little begin with the next step, several at once; one
   * with passes of its own is filled in here, before others begin.
   */
  async #begin(): Promise<void> {
    const joining = new Joining(this.#active.size, this.#vlm.language.maxRows);
    for (;;) {
      const answer = this.#waiting[0];
      const { slotted } = (answer && this.#prompts.get(answer)) ?? {};
      const place = slotted && this.#caches.find(slotted);
      if (!place) return;
      const text = joining.admit(slotted, place.skip);
      if (text === "later") return;
      this.#waiting.shift();
      this.#caches.take(place);
      if (text === "alone") return await this.#fill(answer!, place);
      const { held, skip } = place;
      this.#active.set(answer!, { held, prompt: slotted, coming: { text, skip } });
      try {
        // else the pass would be refused, and all of them with it
        held.cache.check({ rows: text.ids.length });
      } catch (error) {
        answer!.fail(error);
      }
    }
  }

  /** Fills a cache with the prompt, as far as it is not in it already. */
  async #fill(answer: LiveAnswer, { held, skip }: Place): Promise<void> {
    const { pieces, slotted } = this.#prompts.get(answer)!;
    try {
      const { signal } = answer;
      const filled = await this.#vlm.prefill(held.cache, pieces, { signal, skip, between: () => this.#step() });
      held.describe(slotted, []);
      answer.filled(filled, skip);
      const inUse = { held, prompt: slotted };
      this.#active.set(answer, inUse);
      await Promise.all(this.#choices([[answer, inUse]], filled.logits, 0));
    } catch (error) {
      answer.fail(error);
      this.#active.set(answer, { held, prompt: slotted });
    }
    this.#release();
  }

  /** One token more for every answer that is being made, the first one for those whose prompts come in with it. */
  async #step(): Promise<void> {
    this.#release();
    const answers = [...this.#active];
    if (answers.length === 0) return;
    // a pass of one answer ends with its signal; one of several is worth ending for none of them
    this.#pacer.signal = answers.length === 1 ? answers[0]![0].signal : undefined;
    const started = performance.now();
    try {
      const conversations = answers.map(([answer, { held: { cache }, coming }]) => ({
        ...{ cache, ...coming?.text ?? { ids: [answer.lastId] } },
      }));
      const ahead = this.#tokensAhead(answers);
      let logits = await this.#vlm.steps(conversations, this.#pacer);
      const ms = performance.now() - started;
      for (const [answer, { held, prompt, coming }] of answers) {
        if (!coming) continue;
        held.describe(prompt, []);
        answer.filled({ visionMs: 0, prefillMs: ms }, coming.skip);
        this.#active.set(answer, { held, prompt });
      }
      const takings: Promise<void>[] = [];
      for (let left = ahead - 1; left >= 0; left--) {
        takings.push(...this.#choices(answers, logits, left, started));
        if (left === 0) break;
        logits = await this.#vlm.stepsByChosen(answers.map(([, { held }]) => held.cache), this.#pacer);
      }
      await Promise.all(takings);
    } catch (error) {
      for (const [answer] of answers) answer.fail(error);
    }
    this.#release();
  }

  /** Lets requests that have arrived come in; a turn of the event loop costs microseconds, where a step takes milliseconds. */
  async #rest(): Promise<void> {
    this.#pacer.signal = undefined;
    await this.#pacer.rest();
  }

  /** Tokens that are chosen before the first of them is waited for: several where waiting takes as long, and nothing asks for it. */
  #tokensAhead(answers: readonly (readonly [LiveAnswer, InUse])[]): number {
    return answers.reduce(
      (most, [answer, { held, coming }]) =>
        coming || !answer.runsAhead ? 1 : Math.min(most, answer.tokensLeft, held.cache.room),
      this.#vlm.backend.tokensAhead,
    );
  }

  /**
   * A token for each, from rows of logits.
   *
   * @param left Tokens that will be chosen before these are waited for.
   * @param started When the step began, if it is one.
   */
  #choices(
    answers: readonly (readonly [LiveAnswer, InUse])[],
    logits: number,
    left: number,
    started?: number,
  ): Promise<void>[] {
    const { language, backend } = this.#vlm;
    const { vocabulary } = language.config;
    return answers.map(([answer, { held, coming }], row) => {
      const to = left > 0 ? language.chosenAt(row) : 0;
      const chosen = answer.choose(backend, logits + row * vocabulary * 4, vocabulary, language.sampling, to);
      return answer.accept(chosen, held.cache.room, coming ? undefined : started);
    });
  }

  /** Takes the caches back of answers that have ended or that nobody waits for. */
  #release(): void {
    for (const [answer, { held, prompt }] of this.#active) {
      if (answer.signal.aborted) answer.fail(answer.signal.reason);
      if (!answer.ended) continue;
      this.#active.delete(answer);
      this.#leave(answer);
      held.describe(prompt, answer.ids);
      this.#caches.giveBack(held);
    }
  }
}

function closed(): LorisError {
  return new LorisError("closed", "the captioner was closed; load the model again");
}
