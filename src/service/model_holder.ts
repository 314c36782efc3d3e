import type { Captioner } from "../../sdk/captioner.ts";
import { ApiError } from "./errors.ts";

/** What makes the captioner from the runtime's bindings. */
export type Loader<Env extends object> = (env: Env) => Promise<Captioner>;

/** "idle": nobody has asked for the model yet. */
export type ModelState = "idle" | "loading" | "ready" | "failed";

/** A load, and whether the request in which it runs still is there. */
interface Attempt {
  readonly done: Promise<Captioner>;
  /** Counted up by a timer of that request: it stands still when the runtime has ended the request. */
  signs: number;
}

const SIGN_MS = 250;
/** Looks without a new sign, after which a load is given up; a busy thread delays signs and looks alike. */
const LOOKS = 6;

/**
 * The model, loaded by the first request that needs it. All that ask meanwhile share the one load, which goes on if the
 * request that began it ends. After a failure the next request tries again.
 *
 * Cloudflare binds all I/O to the request that began it, and drops it without a word when that request is over for good; a
 * promise that waits for it then never settles. So whoever waits watches the load's signs of life, and begins a new one, its
 * own, where they have stopped.
 */
export class ModelHolder<Env extends object> {
  readonly #loader: Loader<Env>;
  #attempt: Attempt | undefined;
  #captioner: Captioner | undefined;
  #state: ModelState = "idle";

  /** A captioner that is loaded, or what loads it. */
  constructor(captioner: Captioner | Loader<Env>) {
    this.#loader = typeof captioner === "function" ? captioner : () => Promise.resolve(captioner);
    if (typeof captioner === "function") return;
    this.#captioner = captioner;
    this.#state = "ready";
  }

  /** How far the load is. */
  get state(): ModelState {
    return this.#state;
  }

  /** Undefined until it is loaded. */
  get captioner(): Captioner | undefined {
    return this.#captioner;
  }

  /**
   * The captioner, loaded if it is not yet.
   *
   * @param keepAlive Told of the load where it begins: a runtime that stops work with the request must not stop this.
   * @param signal Ends the wait, not the load.
   * @throws {ApiError} 503 if it cannot be loaded; the signal's reason.
   */
  async get(env: Env, keepAlive: (work: Promise<unknown>) => void, signal: AbortSignal): Promise<Captioner> {
    signal.throwIfAborted();
    while (!this.#captioner) {
      this.#attempt ??= this.#begin(env, keepAlive);
      const attempt = this.#attempt;
      const captioner = await outcome(attempt, signal);
      if (captioner) return captioner;
      // another that waited may have begun a new one already
      if (this.#attempt === attempt) this.#attempt = undefined;
    }
    return this.#captioner;
  }

  #begin(env: Env, keepAlive: (work: Promise<unknown>) => void): Attempt {
    this.#state = "loading";
    const attempt: Attempt = { done: this.#load(env, () => this.#attempt === attempt), signs: 0 };
    const timer = setInterval(() => attempt.signs++, SIGN_MS);
    keepAlive(attempt.done.catch(() => {}).finally(() => clearInterval(timer)));
    return attempt;
  }

  /** @param current Whether this load is still the one that counts. */
  async #load(env: Env, current: () => boolean): Promise<Captioner> {
    try {
      const captioner = await this.#loader(env);
      if (this.#captioner && this.#captioner !== captioner) {
        // it had been given up too early
        await captioner.close();
        return this.#captioner;
      }
      this.#captioner = captioner;
      this.#state = "ready";
      return captioner;
    } catch (cause) {
      if (current()) {
        this.#state = "failed";
        this.#attempt = undefined;
      }
      throw new ApiError(503, "model_unavailable", "the model could not be loaded; try again later", {
        cause,
        headers: { "retry-after": "10" },
      });
    }
  }
}

/**
 * What becomes of a load.
 *
 * @returns undefined if it gives no sign of life any more.
 * @throws its error; the signal's reason.
 */
function outcome(attempt: Attempt, signal: AbortSignal): Promise<Captioner | undefined> {
  return new Promise<Captioner | undefined>((resolve, reject) => {
    let [seen, looks] = [attempt.signs, 0];
    const timer = setInterval(() => {
      looks = attempt.signs === seen ? looks + 1 : 0;
      seen = attempt.signs;
      if (looks >= LOOKS) resolve(undefined);
    }, SIGN_MS);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    attempt.done.then(resolve, reject).finally(() => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
    });
  });
}
