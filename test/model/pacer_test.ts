import assert from "node:assert/strict";
import { Pacer } from "../../sdk/model/pacer.ts";

/** Runs with a clock that shows what it is told. */
async function withClock(run: (set: (ms: number) => void) => Promise<void>): Promise<void> {
  const real = performance.now;
  let now = 1000;
  performance.now = () => now;
  try {
    await run((ms) => now = ms);
  } finally {
    performance.now = real;
  }
}

Deno.test("Pacer.due: after more than 20 ms of a clock that runs", () =>
  withClock(async (set) => {
    const pacer = new Pacer();
    set(1020);
    assert.equal(pacer.due(), false);
    set(1021);
    assert.equal(pacer.due(), true);
    await pacer.pause();
    set(1022);
    assert.equal(pacer.due(), false);
  }));

Deno.test("Pacer.due: a clock that stands still, as in Cloudflare's workers, is due after so many steps, and again", () =>
  withClock(async () => {
    const pacer = new Pacer();
    for (let round = 0; round < 3; round++) {
      let steps = 0;
      while (!pacer.due()) assert.ok(++steps < 100, "never due");
      assert.ok(steps > 4, `due after ${steps} steps`);
      await pacer.pause();
    }
  }));

Deno.test("Pacer.pause: an abort is seen where the clock stands still", () =>
  withClock(async () => {
    const controller = new AbortController();
    const pacer = new Pacer(controller.signal);
    setTimeout(() => controller.abort(new Error("gone")), 0);
    await assert.rejects(async () => {
      for (let step = 0; step < 1000; step++) if (pacer.due()) await pacer.pause();
    }, /gone/);
  }));

Deno.test("Pacer.rest: lets the event loop run though it is not time, and sees an abort that came meanwhile", () =>
  withClock(async () => {
    const controller = new AbortController();
    const pacer = new Pacer(controller.signal);
    assert.equal(pacer.due(), false);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => controller.abort(new Error("gone"));
    port2.postMessage(undefined);
    await assert.rejects(pacer.rest(), /gone/);
    port1.close();
  }));
