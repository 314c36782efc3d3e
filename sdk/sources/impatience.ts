import { untilAborted } from "../platform/until_aborted.ts";

/** Waits for what comes piece by piece, for no piece longer than a while. */
export interface Impatience {
  /** Aborted with the caller's signal, and when a piece took too long. */
  readonly signal: AbortSignal;
  /** What a promise gives; rejects with the signal's reason. Time between two waits does not count. */
  wait<T>(work: Promise<T>): Promise<T>;
  /** Lets go of the caller's signal. */
  end(): void;
}

/** @param late The reason when a piece takes longer than `ms`; Infinity: none does. */
export function impatience(ms: number, signal: AbortSignal | undefined, late: () => Error): Impatience {
  const controller = new AbortController();
  const abort = () => controller.abort(signal!.reason);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  return {
    signal: controller.signal,
    async wait(work) {
      const timer = ms === Infinity ? undefined : setTimeout(() => controller.abort(late()), ms);
      try {
        return await untilAborted(work, controller.signal);
      } finally {
        clearTimeout(timer);
      }
    },
    end: () => signal?.removeEventListener("abort", abort),
  };
}
