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
 * @throws what making the first event throws.
 */
export async function sseResponse(events: AsyncGenerator<unknown, void>, watcher: SseWatcher): Promise<Response> {
  const encoder = new TextEncoder();
  let first: IteratorResult<unknown, void> | undefined = await events.next();
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const send = (data: string) => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      try {
        const { done, value } = first ?? await events.next();
        first = undefined;
        if (cancelled) return;
        if (!done) return send(JSON.stringify(value));
        send("[DONE]");
      } catch (error) {
        if (cancelled) return;
        send(JSON.stringify(toApiError(error).body));
        watcher.failed(error);
      }
      controller.close();
      watcher.ended();
    },
    async cancel() {
      cancelled = true;
      watcher.left();
      watcher.ended();
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
