import { LorisError } from "../errors.ts";
import type { KvCache } from "../lazy/cache.ts";
import { Pacer } from "../model/pacer.ts";
import type { PromptPiece, Vlm } from "../model/vlm.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type Generated, LiveAnswer } from "./live_answer.ts";
import type { AnswerOptions } from "./live_answer.ts";
import { HeldCache, slotsOf, type SlottedPiece } from "./prefix.ts";
import type { Delta } from "./token_log.ts";

/** What is to be answered, and how. */
export interface Request extends AnswerOptions {
  readonly prompt: readonly PromptPiece[];
  readonly signal?: AbortSignal | undefined;
  /** Told of what this request computes, its own answer and others'. */
  readonly waitUntil?: ((work: Promise<void>) => void) | undefined;
}

/** A cache in use, and what the prompt in it puts into its slots. */
interface InUse {
  readonly held: HeldCache;
  readonly prompt: readonly SlottedPiece[];
}

/**
 * Answers requests with one network: in the order in which they came, as many at a time as there are caches. Those that are
 * being answered take each step together, in one pass; between the tiles and passes of a prompt the others go on. An answer
 * is the same as if it were made alone.
 */
export class Scheduler {
  readonly #vlm: Vlm;
  readonly #tokenizer: Tokenizer;
  /** The one used longest ago comes first. */
  readonly #free: HeldCache[];
  readonly #waiting: LiveAnswer[] = [];
  readonly #active = new Map<LiveAnswer, InUse>();
  readonly #prompts = new WeakMap<LiveAnswer, readonly PromptPiece[]>();
  readonly #pacer = new Pacer();
  /** Whose request computes for all. */
  #computing: LiveAnswer | undefined;
  /** Those that come after it, and what gives them the turn, or tells them that they need none any more. */
  readonly #line = new Map<LiveAnswer, () => void>();
  readonly #computations = new Set<Promise<void>>();
  #closed = false;

  constructor(vlm: Vlm, tokenizer: Tokenizer, caches: readonly KvCache[]) {
    this.#vlm = vlm;
    this.#tokenizer = tokenizer;
    this.#free = caches.map((cache) => new HeldCache(cache));
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
    this.#prompts.set(answer, request.prompt);
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
      answer.abort(new DOMException("nobody reads the answer any more", "AbortError"));
      this.#leave(answer);
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
    this.#line.get(answer)?.();
    this.#line.delete(answer);
  }

  /**
   * Computes for all until its own answer has ended, and leaves it to the next in line then: Cloudflare drops what a request
   * began some time after that request, so that none may compute for others for long.
   */
  async #compute(answer: LiveAnswer): Promise<void> {
    if (this.#computing) await new Promise<void>((resolve) => this.#line.set(answer, resolve));
    else this.#computing = answer;
    if (this.#computing !== answer) return;
    while (!answer.ended) {
      const next = this.#free.length > 0 ? this.#waiting.shift() : undefined;
      if (next) await this.#begin(next);
      await this.#step();
    }
    this.#release();
    const [after] = this.#line;
    this.#computing = after?.[0];
    if (!after) return;
    this.#line.delete(after[0]);
    after[1]();
  }

  /** Fills a cache with the prompt, as far as it is not in one already. */
  async #begin(answer: LiveAnswer): Promise<void> {
    const prompt = this.#prompts.get(answer)!;
    const slotted = slotsOf(prompt, this.#vlm.tokensPerTile);
    const { held, skip } = this.#cacheFor(slotted);
    try {
      const { signal } = answer;
      const filled = await this.#vlm.prefill(held.cache, prompt, { signal, skip, between: () => this.#step() });
      held.describe(slotted, []);
      answer.filled(filled, skip);
      this.#active.set(answer, { held, prompt: slotted });
      await this.#take(answer, filled.logits);
    } catch (error) {
      answer.fail(error);
      this.#active.set(answer, { held, prompt: slotted });
    }
    this.#release();
  }

  /**
   * The free cache that holds most of a prompt; or, where one that is in use holds more, the one used longest ago with a copy
   * of that. `skip`: slots that are filled.
   */
  #cacheFor(prompt: readonly SlottedPiece[]): { held: HeldCache; skip: number } {
    const best = (caches: readonly HeldCache[]) => {
      const shared = caches.map((held) => held.sharedWith(prompt));
      const skip = Math.max(0, ...shared);
      return { at: shared.indexOf(skip), skip };
    };
    const busy = [...this.#active.values()].map(({ held }) => held);
    const [free, used] = [best(this.#free), best(busy)];
    const copied = used.skip > free.skip;
    const [held] = this.#free.splice(copied ? 0 : free.at, 1) as [HeldCache];
    if (copied) held.copyFrom(this.#vlm.backend, busy[used.at]!, used.skip);
    else held.keep(free.skip);
    return { held, skip: Math.max(free.skip, used.skip) };
  }

  /** One token more for every answer that is being made. */
  async #step(): Promise<void> {
    this.#release();
    const answers = [...this.#active];
    if (answers.length === 0) return;
    // a pass of one answer ends with its signal; one of several is worth ending for none of them
    this.#pacer.signal = answers.length === 1 ? answers[0]![0].signal : undefined;
    const started = performance.now();
    try {
      const conversations = answers.map(([answer, { held }]) => ({ cache: held.cache, id: answer.lastId }));
      const logits = await this.#vlm.steps(conversations, this.#pacer);
      const { vocabulary } = this.#vlm.language.config;
      const decodeMs = performance.now() - started;
      await Promise.all(answers.map(([answer], row) => {
        answer.decodeMs += decodeMs;
        return this.#take(answer, logits + row * vocabulary * 4);
      }));
    } catch (error) {
      for (const [answer] of answers) answer.fail(error);
    }
    this.#release();
    await this.#pause();
  }

  /** Lets the event loop run, if it is time. */
  async #pause(): Promise<void> {
    this.#pacer.signal = undefined;
    await this.#pacer.pause();
  }

  async #take(answer: LiveAnswer, logits: number): Promise<void> {
    const { backend, language } = this.#vlm;
    const { held } = this.#active.get(answer)!;
    await answer.take(backend, logits, language.config.vocabulary, language.sampling, held.cache.room);
  }

  /** Takes the caches back of answers that have ended or that nobody waits for. */
  #release(): void {
    for (const [answer, { held, prompt }] of this.#active) {
      if (answer.signal.aborted) answer.fail(answer.signal.reason);
      if (!answer.ended) continue;
      this.#active.delete(answer);
      this.#leave(answer);
      held.describe(prompt, answer.ids);
      this.#free.push(held);
    }
  }
}

function closed(): LorisError {
  return new LorisError("closed", "the captioner was closed; load the model again");
}
