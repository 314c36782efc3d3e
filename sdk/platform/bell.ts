import { ON_CLOUDFLARE } from "./cloudflare.ts";

/**
 * How soon a request looks again on Cloudflare: at first sooner than a model makes tokens, then less and less often, for each
 * look leaves some memory to be collected, and encoding a picture can take many seconds.
 */
const [FIRST_LOOK_MS, LAST_LOOK_MS, LONGER] = [2, 20, 1.2];

/**
 * What one request waits for, and another one brings about.
 *
 * On Cloudflare whoever waits looks again and again, by timers of its own. A promise is not enough there: what goes on after
 * one that another request has settled is to run for the request that waits, but once the engine has optimized the code it may
 * run for the other, whose timers never come when that one is over, or may not run at all.
 */
export class Bell {
  #rung = false;
  #wake = () => {};

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Resolves when it was rung since the last wait; one at a time may wait. */
  async wait(): Promise<void> {
    for (let lookMs = FIRST_LOOK_MS; !this.#rung; lookMs = Math.min(lookMs * LONGER, LAST_LOOK_MS)) {
      await new Promise<void>((resolve) => {
        if (ON_CLOUDFLARE) setTimeout(resolve, lookMs);
        else this.#wake = resolve;
      });
    }
    this.#rung = false;
  }
}
