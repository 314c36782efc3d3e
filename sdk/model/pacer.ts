import { ON_CLOUDFLARE } from "../platform/cloudflare.ts";

/** What is asked of a signal. Cloudflare lets no other request than its own ask a real one, so that some are plain objects. */
export type AbortState = Pick<AbortSignal, "aborted" | "reason" | "throwIfAborted">;

/**
 * Lets a long computation share its thread: it asks `due()` between steps, and where that says so, `pause()` lets the
 * event loop run (timers, other requests, a client's disconnect) and throws if the signal was aborted.
 */
export class Pacer {
  /** What ends the computation; it may change while nothing is computed. */
  signal: AbortState | undefined;
  #resumed = performance.now();
  /** What the clock showed last, and how many times in a row. */
  #seen = this.#resumed;
  #still = 0;

  constructor(signal?: AbortState) {
    this.signal = signal;
  }

  /**
   * True if the signal is aborted, or the event loop has waited for longer than one slice, 20 ms. Cloudflare stops a worker's
   * clock while it computes: there, if it was asked so often that time must have passed.
   */
  due(): boolean {
    const now = performance.now();
    this.#still = now === this.#seen ? this.#still + 1 : 0;
    this.#seen = now;
    return this.signal?.aborted === true || now - this.#resumed > SLICE_MS || this.#still >= STILL_STEPS;
  }

  /** @throws the signal's reason, if it is aborted before or during the pause. */
  async pause(): Promise<void> {
    this.signal?.throwIfAborted();
    if (this.due()) await this.rest();
  }

  /** Lets the event loop run, whether it is time or not. @throws as {@link Pacer.pause}. */
  async rest(): Promise<void> {
    await nextTask();
    this.signal?.throwIfAborted();
    this.#resumed = this.#seen = performance.now();
    this.#still = 0;
  }
}

const SLICE_MS = 20;
/** Steps, of a layer each, in which a clock that runs has moved. */
const STILL_STEPS = 16;

/**
 * Lets the event loop run once. A message is handed over in microseconds, where a timer takes a millisecond or two; but
 * Cloudflare's messages come before all else, so that there nothing would be sent and nobody heard until the end.
 */
async function nextTask(): Promise<void> {
  if (typeof MessageChannel === "undefined" || ON_CLOUDFLARE) {
    return await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  // both: Deno keeps what one of a pair needs until it is closed itself
  port1.close();
  port2.close();
}
