import { LorisError } from "./errors.ts";
import type { Delta } from "./generate/token_log.ts";

/** An answer that is being made: iterate it or its deltas, once, for the text as it comes, or await `result`. */
export interface Answer<Result> extends AsyncIterable<string> {
  /** The text as it comes, with its tokens where `logprobs` asks for them. All deltas' tokens are the result's. */
  deltas(): AsyncIterable<Delta>;
  /** The whole; makes the answer itself if nobody iterates. */
  readonly result: Promise<Result>;
}

/** Starts when it is first iterated or awaited, and runs once. */
export class DeferredAnswer<Result> implements Answer<Result> {
  readonly #start: () => AsyncGenerator<Delta, Result>;
  #generator: AsyncGenerator<Delta, Result> | undefined;
  #result: Promise<Result> | undefined;
  #settle: { resolve: (r: Result) => void; reject: (e: unknown) => void } | undefined;

  constructor(start: () => AsyncGenerator<Delta, Result>) {
    this.#start = start;
  }

  get result(): Promise<Result> {
    if (!this.#result) {
      this.#result = new Promise((resolve, reject) => this.#settle = { resolve, reject });
      if (!this.#generator) this.#drain();
    }
    return this.#result;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for await (const { text } of this.deltas()) if (text !== "") yield text;
  }

  async *deltas(): AsyncGenerator<Delta, void> {
    if (this.#generator) throw new LorisError("argument_invalid", "an answer can be iterated once");
    // whoever awaits `result` later must find it, and nobody has to
    this.#result ??= new Promise((resolve, reject) => this.#settle = { resolve, reject });
    this.#result.catch(() => {});
    this.#generator = this.#start();
    let left = true;
    try {
      const result = yield* this.#generator;
      left = false;
      this.#settle!.resolve(result);
    } catch (error) {
      left = false;
      this.#settle!.reject(error);
      throw error;
    } finally {
      // the work has stopped, so there will be no result
      if (left) this.#settle!.reject(new DOMException("the answer was abandoned", "AbortError"));
    }
  }

  async #drain(): Promise<void> {
    try {
      for await (const _ of this.deltas()) { /* collected by the run itself */ }
    } catch { /* the result carries it */ }
  }
}
