import { ApiError } from "./errors.ts";

/** Bounds of {@link Admission}. */
export interface AdmissionLimits {
  readonly maxWaiting: number;
  readonly maxHeldBytes: number;
  /** Requests that are computed at once. */
  readonly conversations: () => number;
}

/** How strongly the last request counts in the mean of their times. */
const WEIGHT = 0.2;
const MAX_RETRY_S = 60;

/**
 * Lets in as many requests as are computed at once and `maxWaiting` more, and their bodies up to a number of bytes. Those let
 * in are computed in the order in which they are read whole: the scheduler's line has no bound of its own.
 */
export class Admission {
  readonly #limits: AdmissionLimits;
  #inside = 0;
  #heldBytes = 0;
  /** Of a request, from its entry to its end; a first guess until one has ended. */
  #meanMs = 1000;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Requests that were let in and have not ended. */
  get inside(): number {
    return this.#inside;
  }

  /** Bytes of their bodies. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws {ApiError} 429 with `Retry-After` if no place is free. */
  enter(): Place {
    const { maxWaiting, conversations } = this.#limits;
    if (this.#inside >= conversations() + maxWaiting) this.#refuse(`${this.#inside} requests are in work or waiting`);
    this.#inside++;
    const started = performance.now();
    let held = 0;
    let left = false;
    return {
      hold: (bytes) => {
        // nobody would count them out again
        if (left) return;
        const others = this.#heldBytes - held;
        if (others > 0 && this.#heldBytes + bytes > this.#limits.maxHeldBytes) {
          this.#refuse(`requests with ${this.#heldBytes} bytes are in work or waiting`);
        }
        held += bytes;
        this.#heldBytes += bytes;
      },
      leave: () => {
        if (left) return;
        left = true;
        this.#inside--;
        this.#heldBytes -= held;
        this.#meanMs += WEIGHT * (performance.now() - started - this.#meanMs);
      },
    };
  }

  #refuse(why: string): never {
    const waitMs = this.#meanMs * Math.max(1, this.#inside / this.#limits.conversations());
    const seconds = Math.min(MAX_RETRY_S, Math.max(1, Math.ceil(waitMs / 1000)));
    throw new ApiError(429, "too_many_requests", `${why}; try again in ${seconds} s`, {
      headers: { "retry-after": String(seconds) },
    });
  }
}

/** What a request holds while it is inside. */
export interface Place {
  /** Counts bytes that the request keeps in memory. @throws {ApiError} 429 if they are too many together with others'. */
  hold(bytes: number): void;
  leave(): void;
}
