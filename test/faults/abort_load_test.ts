/** Aborts at every await of a load: the signal's reason, memory given back, and the next load is right. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { abortAt } from "./abort.ts";
import { memoriesHeld } from "./collected.ts";
import { faultySource, Reads } from "./faulty_source.ts";
import { everyAwait } from "./points.ts";
import { answersAsEver, opensAndAnswers, openTiny, PAIR } from "./tiny.ts";

Deno.test("everyAwait() sees each await of a promise before it stops there, and none when it has ended", async () => {
  let [seen, steps] = [0, 0];
  await everyAwait(() => void seen++, async () => {
    for (; steps < 5; steps++) {
      assert.ok(seen >= steps, `${seen} at step ${steps}`);
      await Promise.resolve();
    }
  });
  assert.ok(seen >= 5 && seen < 20, `${seen} awaits`);
  const before = seen;
  await Promise.resolve();
  assert.equal(seen, before);
});

const bySource = {
  blocks: () => ({}),
  streams: () => ({
    text: faultySource(PAIR.text, PAIR.text, "text.gguf", "stream", new Reads()),
    vision: faultySource(PAIR.vision, PAIR.vision, "vision.gguf", "stream", new Reads()),
  }),
} as const;

for (const [name, sources] of Object.entries(bySource)) {
  Deno.test(`load() by ${name}, aborted at every await: the signal's reason, memory given back, the next load is right`, async () => {
    const { made, held } = await memoriesHeld(async () => {
      const check = (captioner: Captioner) => captioner.close();
      const aborted = await abortAt(everyAwait, { work: (signal) => openTiny({ ...sources(), signal }), check });
      assert.ok(aborted > 600, `${aborted} aborts`);
      await opensAndAnswers("after all of them");
    });
    assert.ok(made > 300, `${made} memories`);
    assert.equal(held, 0, `${held} of ${made} memories are held`);
  });
}

Deno.test("load() of the packaged modules, aborted at some awaits: the signal's reason, the next load is right", async () => {
  const aborted = await abortAt(everyAwait, {
    work: (signal) => openTiny({ modules: undefined, signal }),
    check: async (captioner) => {
      await answersAsEver(captioner, "not aborted");
      await captioner.close();
    },
    step: 20,
  });
  assert.ok(aborted > 20, `${aborted} aborts`);
});
