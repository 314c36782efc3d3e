import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { errorFields, type LogEntry } from "./log.ts";
import { type ApiError, toApiError } from "./errors.ts";
import type { Metrics } from "./metrics.ts";

/** What a request is counted and logged by. */
interface Watched {
  Variables: { requestId: string };
}

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"];

/** Gives every request an id, which the answer carries, and counts and logs it when the answer's head is known. */
export function observe(metrics: Metrics, log: (entry: LogEntry) => void): MiddlewareHandler<Watched> {
  return async (c, next) => {
    const started = performance.now();
    const requestId = crypto.randomUUID();
    c.set("requestId", requestId);
    await next();
    c.res.headers.set("x-request-id", requestId);
    const ms = performance.now() - started;
    const method = METHODS.includes(c.req.method) ? c.req.method : "other";
    // without the pattern of a parameter
    const route = routePath(c, -1).replace(/\{.*?\}/g, "");
    const { status } = c.res;
    metrics.request(route, method, status, ms);
    const failure = c.error ? errorFields(toApiError(c.error)) : {};
    log({ ...{ requestId, method, route, ms: Math.round(ms) }, ...failure, status });
  };
}

/** Counts and logs an error that is told in a stream. */
export function observeStream(
  metrics: Metrics,
  log: (entry: LogEntry) => void,
  about: Pick<LogEntry, "requestId" | "method" | "route">,
): (error: unknown) => void {
  const started = performance.now();
  return (cause) => {
    const error: ApiError = toApiError(cause);
    metrics.streamError(error.code);
    log({ ...about, ms: Math.round(performance.now() - started), ...errorFields(error) });
  };
}
