import type { Context } from "hono";
import type { Captioner } from "../../sdk/captioner.ts";
import { free } from "../../sdk/platform/free.ts";
import type { Admission } from "./admission.ts";
import { readBody } from "./body.ts";
import { deadline, shuttingDown } from "./deadline.ts";
import type { Metrics } from "./metrics.ts";
import type { ModelHolder } from "./model_holder.ts";
import type { Settings } from "./options.ts";

/** What the routes share. */
export interface Service<Env extends object> {
  readonly settings: Settings;
  readonly model: ModelHolder<Env>;
  readonly admission: Admission;
  readonly metrics: Metrics;
}

/** Types of the app's contexts. */
export interface AppTypes<Env extends object> {
  /** What the runtime gives with each request. */
  Bindings: Env;
  /** What handlers read from the context. */
  Variables: { requestId: string };
}
export type AppContext<Env extends object> = Context<AppTypes<Env>>;

/** A request that was let in: one signal for all that it does, its place, and the model. */
export interface Work {
  /** Aborted where the client goes, the time is over, or the service stops; the reason is what the client is to be told. */
  readonly signal: AbortSignal;
  /** For the captioner: work that outlives the request. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly captioner: Captioner;
  /** The body, until the work's end. @throws {ApiError} 413, 429, 400. */
  read(): Promise<Uint8Array>;
  /**
   * Holds a picture until the work's end, and counts what of the request's pictures is more than its body, which one that came
   * in it takes the place of. @throws {ApiError} 429.
   */
  keep(picture: Uint8Array): Uint8Array;
  /** Nobody reads the answer any more. */
  left(): void;
  /** Gives the place to others; may be called again. */
  end(): void;
}

/**
 * Lets a request in.
 *
 * @throws {ApiError} 429 if there is no place, 503 if the service is shutting down or has no model; the signal's reason.
 */
export async function beginWork<Env extends object>(c: AppContext<Env>, service: Service<Env>): Promise<Work> {
  const { settings: { requestTimeoutMs, shutdown, maxBodyBytes }, admission, model } = service;
  if (shutdown?.aborted) throw shuttingDown();
  const place = admission.enter();
  const request = c.req.raw;
  const { signal, abort, done } = deadline(request.signal, requestTimeoutMs, shutdown);
  let ended = () => {};
  const waitUntil = (work: Promise<unknown>) => keepAlive(c, work);
  // else nobody would be there to give the place back when the client goes
  waitUntil(new Promise<void>((resolve) => ended = resolve));
  const kept: Uint8Array[] = [];
  let [counted, pictures] = [0, 0];
  const hold = (bytes: number) => {
    place.hold(bytes);
    counted += bytes;
  };
  const end = () => {
    // whoever still works for a request that has ended early finds no bytes, and nobody waits for what comes of it
    for (const bytes of kept.splice(0)) free(bytes);
    // a runtime that holds listeners outside of the engine's heap would keep all of the request until a full collection
    signal.removeEventListener("abort", end);
    done();
    place.leave();
    ended();
  };
  // a reader that neither reads nor leaves must not keep the place beyond the request's time
  signal.addEventListener("abort", end, { once: true });
  try {
    const captioner = await model.get(c.env, waitUntil, signal);
    return {
      ...{ signal, waitUntil, captioner, end },
      // workerd keeps the error of a body that breaks off for ever, and with its trace all of the functions that wait for it,
      // unless what they wait for is settled by another function
      read: () =>
        new Promise((resolve, reject) => {
          const settle = (body: Uint8Array) => {
            kept.push(body);
            resolve(body);
          };
          readBody(request, { maxBytes: maxBodyBytes, signal, hold }).then(settle, (error) => reject(error));
        }),
      keep(picture) {
        if (kept.some(({ buffer }) => buffer === picture.buffer)) return picture;
        kept.push(picture);
        pictures += picture.length;
        if (pictures > counted) hold(pictures - counted);
        return picture;
      },
      left: () => abort(new DOMException("the client closed the connection", "AbortError")),
    };
  } catch (error) {
    end();
    throw error;
  }
}

/** Cloudflare ends what a request began when the request ends, unless it is told of it. */
function keepAlive<Env extends object>(c: AppContext<Env>, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // Hono throws where the runtime has no such thing, and needs none
  }
}
