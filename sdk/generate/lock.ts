import { untilAborted } from "../platform/until_aborted.ts";

/** First come, first served: one holder at a time; waiting ends early when its signal is aborted. */
export class Lock {
  #tail: Promise<void> = Promise.resolve();

  /** Resolves to the function that gives the lock to the next in line. */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const before = this.#tail;
    let release = () => {};
    this.#tail = new Promise<void>((resolve) => release = resolve);
    try {
      await untilAborted(before, signal);
    } catch (reason) {
      // the place in the line is kept until it comes up, then passed on
      before.then(release);
      throw reason;
    }
    return release;
  }
}
