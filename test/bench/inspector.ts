/** The engine's own word on its heap, by the protocol of its inspector: the same in Deno and in workerd. */

/** Bytes of an engine's heap after everything that nobody holds has been collected. */
export interface Heap {
  /** Objects. */
  readonly usedBytes: number;
  /** What objects hold outside of the heap, as far as the engine is told of it: bodies, buffers, a WebAssembly memory. */
  readonly backingBytes: number;
}

/** Waits as long as the collector finds something to do after promises have been settled. */
const COLLECTIONS = 3;

/**
 * Collects, and reads what is left.
 *
 * @param url Of a target of the inspector, "ws:".
 * @param nudge Makes the engine do anything: workerd collects when it next has a request.
 * @throws {Error} with the inspector's words.
 */
export async function heapAfterCollection(url: string, nudge: () => Promise<unknown>): Promise<Heap> {
  const session = await Session.open(url);
  try {
    for (let i = 0; i < COLLECTIONS; i++) {
      let collected = false;
      const collecting = session.ask("HeapProfiler.collectGarbage").finally(() => collected = true);
      while (!collected) await nudge();
      await collecting;
    }
    const { usedSize, backingStorageSize = 0 } = await session.ask("Runtime.getHeapUsage");
    return { usedBytes: usedSize!, backingBytes: backingStorageSize };
  } finally {
    session.close();
  }
}

/** The inspector of a Deno that is about to be started. */
export function denoInspector(): { readonly flags: readonly string[]; url(): Promise<string> } {
  // Deno takes the number of a port alone: one that was free a moment ago
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  return {
    flags: [`--inspect=127.0.0.1:${port}`],
    async url() {
      const [{ webSocketDebuggerUrl }] = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
      return webSocketDebuggerUrl;
    },
  };
}

class Session {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, number>>>();
  #last = 0;

  static open(url: string): Promise<Session> {
    const socket = new WebSocket(url);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(new Session(socket));
      socket.onerror = () => reject(new Error(`the inspector at ${url} does not answer`));
    });
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const answer = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) answer?.reject(new Error(`the inspector: ${error.message}`));
      else answer?.resolve(result);
    };
    socket.onclose = () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the inspector has gone"));
    };
  }

  ask(method: string): Promise<Record<string, number>> {
    const id = ++this.#last;
    const answer = Promise.withResolvers<Record<string, number>>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method }));
    return answer.promise;
  }

  close(): void {
    this.#socket.close();
  }
}
