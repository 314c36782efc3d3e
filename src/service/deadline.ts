import { ApiError } from "./errors.ts";

/** What ends a request's work early. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** For those who learn in another way that nobody reads the answer. */
  abort(reason: unknown): void;
  /** Stops the clock; the request has ended. */
  done(): void;
}

/**
 * One signal of a request, made of: the client has gone, its time is over, the service shuts down. The reason is the error
 * that the request is to end with.
 *
 * @param client Aborted by the runtime when the connection is lost.
 */
export function deadline(client: AbortSignal, timeoutMs: number, shutdown: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const gone = () => controller.abort(new DOMException("the client closed the connection", "AbortError"));
  const over = () => controller.abort(new ApiError(504, "timeout", `the request took longer than ${timeoutMs} ms`));
  const stop = () => controller.abort(shuttingDown());
  const timer = setTimeout(over, timeoutMs);
  client.addEventListener("abort", gone, { once: true });
  shutdown?.addEventListener("abort", stop, { once: true });
  if (client.aborted) gone();
  if (shutdown?.aborted) stop();
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    done() {
      clearTimeout(timer);
      client.removeEventListener("abort", gone);
      shutdown?.removeEventListener("abort", stop);
    },
  };
}

/** What requests end with when the service stops. */
export function shuttingDown(): ApiError {
  return new ApiError(503, "shutting_down", "the service is shutting down; try again", {
    headers: { "retry-after": "5" },
  });
}
