import { LorisError } from "./errors.ts";

/** An answer that is being made: iterate it for the text as it comes, or await `result`. */
export interface Answer<Result> extends AsyncIterable<string> {
  /** The whole; makes the answer itself if nobody iterates. */
  readonly result: Promise<Result>;
}

/** Starts when it is first iterated or awaited, and runs once. */
export class DeferredAnswer<Result> implements Answer<Result> {
  readonly #start: () => AsyncGenerator<string, Result>;
  #generator: AsyncGenerator<string, Result> | undefined;
  #result: Promise<Result> | undefined;
  #settle: { resolve: (r: Result) => void; reject: (e: unknown) => void } | undefined;

  constructor(start: () => AsyncGenerator<string, Result>) {
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
    if (this.#generator) throw new LorisError("argument_invalid", "an answer can be iterated once");
    // whoever awaits `result` later must find it, and nobody has to
    this.#result ??= new Promise((resolve, reject) => this.#settle = { resolve, reject });
    this.#result.catch(() => {});
    this.#generator = this.#start();
    try {
      this.#settle!.resolve(yield* this.#generator);
    } catch (error) {
      this.#settle!.reject(error);
      throw error;
    } finally {
      // left early: the work has stopped, so there will be no result
      this.#settle!.reject(new DOMException("the answer was abandoned", "AbortError"));
    }
  }

  async #drain(): Promise<void> {
    try {
      for await (const _ of this) { /* collected by the run itself */ }
    } catch { /* the result carries it */ }
  }
}
