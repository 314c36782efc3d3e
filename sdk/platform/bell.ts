import { ON_CLOUDFLARE } from "./cloudflare.ts";

/** How often a request looks on Cloudflare: more often than a model makes tokens. */
const LOOK_MS = 2;

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
    while (!this.#rung) {
      await new Promise<void>((resolve) => {
        if (ON_CLOUDFLARE) setTimeout(resolve, LOOK_MS);
        else this.#wake = resolve;
      });
    }
    this.#rung = false;
  }
}
