import type { Captioner } from "../../sdk/captioner.ts";
import { ApiError } from "./errors.ts";

/** What makes the captioner from the runtime's bindings. */
export type Loader<Env extends object> = (env: Env) => Promise<Captioner>;

/** "idle": nobody has asked for the model yet. */
export type ModelState = "idle" | "loading" | "ready" | "failed";

/**
 * The model, loaded by the first request that needs it. All that ask meanwhile share the one load, which goes on if the
 * request that began it ends. After a failure the next request tries again.
 */
export class ModelHolder<Env extends object> {
  readonly #loader: Loader<Env>;
  #loading: Promise<Captioner> | undefined;
  #captioner: Captioner | undefined;
  #state: ModelState = "idle";

  constructor(captioner: Captioner | Loader<Env>) {
    this.#loader = typeof captioner === "function" ? captioner : () => Promise.resolve(captioner);
    if (typeof captioner === "function") return;
    this.#captioner = captioner;
    this.#state = "ready";
  }

  get state(): ModelState {
    return this.#state;
  }

  /** Undefined until it is loaded. */
  get captioner(): Captioner | undefined {
    return this.#captioner;
  }

  /**
   * @param keepAlive Told of the load where it begins: a runtime that stops work with the request must not stop this.
   * @param signal Ends the wait, not the load.
   * @throws {ApiError} 503 if it cannot be loaded; the signal's reason.
   */
  async get(env: Env, keepAlive: (work: Promise<unknown>) => void, signal: AbortSignal): Promise<Captioner> {
    signal.throwIfAborted();
    if (this.#captioner) return this.#captioner;
    if (!this.#loading) {
      this.#loading = this.#load(env);
      keepAlive(this.#loading.catch(() => {}));
    }
    return await untilAborted(this.#loading, signal);
  }

  async #load(env: Env): Promise<Captioner> {
    this.#state = "loading";
    try {
      this.#captioner = await this.#loader(env);
      this.#state = "ready";
      return this.#captioner;
    } catch (cause) {
      this.#state = "failed";
      this.#loading = undefined;
      throw new ApiError(503, "model_unavailable", "the model could not be loaded; try again later", {
        cause,
        headers: { "retry-after": "10" },
      });
    }
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
