/**
 * Lets a long computation share its thread: it asks `due()` between steps, and where that says so, `pause()` lets the
 * event loop run (timers, other requests, a client's disconnect) and throws if the signal was aborted.
 */
export class Pacer {
  readonly #signal: AbortSignal | undefined;
  #resumed = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** True if the signal is aborted, or the event loop has waited for longer than one slice, 20 ms. */
  due(): boolean {
    return this.#signal?.aborted === true || performance.now() - this.#resumed > SLICE_MS;
  }

  /** @throws the signal's reason, if it is aborted before or during the pause. */
  async pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    if (this.due()) {
      await nextTask();
      this.#signal?.throwIfAborted();
      this.#resumed = performance.now();
    }
  }
}

const SLICE_MS = 20;

/** Lets the event loop run once. A message is handed over in microseconds, where a timer takes a millisecond or two. */
async function nextTask(): Promise<void> {
  if (typeof MessageChannel === "undefined") return await new Promise((resolve) => setTimeout(resolve, 0));
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  port1.close();
}
