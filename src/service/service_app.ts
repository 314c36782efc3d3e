/** The little of Cloudflare's `ExecutionContext` that is called. */
export interface ContextLike {
  /** Keeps the isolate at work after the answer. */
  waitUntil(work: Promise<unknown>): void;
  /** Lets the origin answer where the worker throws. */
  passThroughOnException(): void;
  /** Of the binding that called. */
  readonly props: unknown;
}

/**
 * The service as servers of every runtime take it. It is made with Hono; another Hono app, of whatever version, takes it by
 * `mount("/ai", app.fetch)`.
 */
export interface ServiceApp<Env extends object = object> {
  /**
   * Answers a request. It needs no `this`.
   *
   * @param env What the runtime gives with each request: the loader and `apiKeys` get it.
   * @param context Told of work that goes on when the request ends, by runtimes that must know of it.
   */
  readonly fetch: (request: Request, env?: Env, context?: ContextLike) => Response | Promise<Response>;
  /** As `fetch`, of a path or URL and what else makes a request: for tests, and calls without a network. */
  readonly request: (
    input: Request | string | URL,
    init?: RequestInit,
    env?: Env,
    context?: ContextLike,
  ) => Response | Promise<Response>;
}
