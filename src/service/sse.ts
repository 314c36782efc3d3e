import { toApiError } from "./errors.ts";

/** Who is told how a stream goes on. */
export interface SseWatcher {
  /** An error was sent as the last event. */
  failed(error: unknown): void;
  /** Nobody reads any more; what makes the events must end. */
  left(): void;
  /** It is over in any way; called once. */
  ended(): void;
}

/**
 * Server-sent events in OpenAI's manner: `data:` with an object each, `[DONE]` at the end. The first event is made before
 * the answer's head is, so that what fails before it can still be told by the status; an error after it is an event of its
 * own, and the last.
 *
 * Where the signal ends a stream that nobody reads, what was made for its reader is let go at once: else clients that open
 * streams and read none would each hold a whole answer, for as long as they hold their connections.
 *
 * @throws what making the first event throws.
 */
export async function sseResponse(
  events: AsyncGenerator<unknown, void>,
  signal: AbortSignal,
  watcher: SseWatcher,
): Promise<Response> {
  const encoder = new TextEncoder();
  let first: IteratorResult<unknown, void> | undefined = await events.next();
  let [pulling, cancelled] = [false, false];
  let failure: { readonly error: unknown } | undefined;
  const ended = () => {
    signal.removeEventListener("abort", giveUp);
    watcher.ended();
  };
  const giveUp = () => {
    // else the reader is told by the event that it waits for
    if (pulling || cancelled) return;
    failure = { error: signal.reason };
    first = undefined;
    events.return().catch(() => {});
    watcher.failed(signal.reason);
    ended();
  };
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const send = (data: string) => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      const sendError = (error: unknown) => send(JSON.stringify(toApiError(error).body));
      if (failure) {
        sendError(failure.error);
        return controller.close();
      }
      try {
        pulling = true;
        const { done, value } = first ?? await events.next();
        first = undefined;
        if (cancelled) return;
        if (!done) return send(JSON.stringify(value));
        send("[DONE]");
      } catch (error) {
        if (cancelled) return;
        sendError(error);
        watcher.failed(error);
      } finally {
        pulling = false;
      }
      controller.close();
      ended();
    },
    async cancel() {
      cancelled = true;
      watcher.left();
      ended();
      await events.return();
    },
  });
  return new Response(stream, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // nginx would collect events otherwise
      "x-accel-buffering": "no",
    },
  });
}
