/** Aborts of a work at each of its points. */
import assert from "node:assert/strict";
import type { Points } from "./points.ts";

/** What every signal here is aborted for. */
const reason = new Error("changed my mind");

/** Points at which a result that is there already is handed on: an abort at one of them comes too late. */
export const HANDING_ON = 10;

/** What is tried: `work` with a signal, what its result must be, and what is seen to after each. */
interface Trial<T> {
  readonly work: (signal: AbortSignal) => Promise<T>;
  readonly check: (result: T) => void | Promise<void>;
  readonly after?: (what: string) => Promise<void>;
  /** Of each so many points one is tried. */
  readonly step?: number;
  /** Points that may come after the signal's work has ended. */
  readonly tail?: number;
}

/** Aborts at every point, one trial each, until there is none left; returns how many trials were aborted. */
export async function abortAt<T>(
  points: Points,
  { work, check, after, step = 1, tail = HANDING_ON }: Trial<T>,
): Promise<number> {
  let [aborted, late] = [0, 0];
  for (let k = 0;; k += step) {
    const controller = new AbortController();
    const outcome = await points(
      (index) => void (index === k && controller.abort(reason)),
      () => work(controller.signal),
    ).then((result) => ({ result }), (error) => ({ error }));
    if ("error" in outcome) {
      assert.equal(outcome.error, reason, `point ${k}: ${outcome.error}`);
      aborted++;
    } else {
      await check(outcome.result);
      if (controller.signal.aborted) late++;
    }
    await after?.(`after an abort at point ${k}`);
    if (controller.signal.aborted) continue;
    assert.ok(late * step <= tail, `${late} aborts, one at each ${step} points, changed nothing`);
    return aborted;
  }
}
