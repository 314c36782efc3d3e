/** Aborts at every await and operation of requests: the signal's reason, and the next one is right. */
import assert from "node:assert/strict";
import type { ChatOptions } from "../../sdk/chat.ts";
import type { LoadOptions } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { uint32 } from "../gguf/write.ts";
import { tinyPair } from "../sdk/tiny_pair.ts";
import { abortAt, HANDING_ON } from "./abort.ts";
import { memoriesHeld } from "./collected.ts";
import { everyAwait, everyAwaitOfLayers, everyOperation } from "./points.ts";
import { answersAsEver, look, openTiny, OTHER_PICTURE, PICTURE, WANTED, WANTED_OTHER } from "./tiny.ts";

/** A model that cuts pictures into tiles. */
const CUTTING = tinyPair({ "clip.vision.preproc_image_size": uint32(64) });

/** A request, how it is loaded for, and whether it is tried at every operation too: most have the same ones. */
interface Asked {
  readonly options?: Partial<LoadOptions>;
  readonly how?: ChatOptions;
  readonly imageTokens?: number;
  readonly operations?: true;
}

const REQUESTS: Readonly<Record<string, Asked>> = {
  "a caption": { operations: true },
  "a caption, drawn by a seed": { how: { temperature: 1, seed: 4 } },
  "a caption of three tiles": {
    options: { vision: bytesSource(CUTTING.vision), keptTiles: 3 },
    how: { detail: "high" },
    imageTokens: 3 * 4,
  },
  "a caption by a streamed encoder": { options: { visionWeights: "streamed", keptTiles: 0 } },
  "a caption with Lazy Attention and fewer image tokens": {
    options: { lazy: { anchor: [0, 0], mode: "vla" }, visualTokens: 2 },
    ...{ imageTokens: 2, operations: true },
  },
};

/** Points of each kind: how many a request has at least, and how many of them are of a last step, whose token is there already. */
const KINDS = {
  "await": { points: everyAwaitOfLayers, least: 100, tail: HANDING_ON },
  "operation": { points: everyOperation, least: 100, tail: 60 },
} as const;

const TRIALS = Object.entries(REQUESTS).flatMap(([name, asked]) =>
  (asked.operations ? ["await", "operation"] as const : ["await"] as const).map((kind) => ({ name, asked, kind }))
);

for (const { name, asked, kind } of TRIALS) {
  Deno.test(`${name}, aborted at every ${kind}: the signal's reason, the next requests are right`, async () => {
    const { points, least, tail } = KINDS[kind];
    const { options, how, imageTokens = 4 } = asked;
    const captioner = await openTiny(options);
    assert.equal((await captioner.caption(PICTURE, how).result).usage.imageTokens, imageTokens);
    const ask = (picture: Uint8Array, signal?: AbortSignal) =>
      look(captioner, { ...how, picture, ...(signal ? { signal } : {}) });
    const [wanted, wantedOther] = [await ask(PICTURE), await ask(OTHER_PICTURE)];
    const { memory } = captioner;
    const aborted = await abortAt(points, {
      work: (signal) => ask(PICTURE, signal),
      tail,
      check: (result) => assert.deepEqual(result, wanted),
      after: async (what) => {
        assert.deepEqual(await ask(PICTURE), wanted, what);
        assert.deepEqual(await ask(OTHER_PICTURE), wantedOther, what);
        assert.deepEqual(captioner.requests, { active: 0, waiting: 0 }, what);
      },
    });
    assert.ok(aborted >= least, `${aborted} aborts`);
    assert.deepEqual(captioner.memory, memory, "none was taken");
    await captioner.close();
  });
}

Deno.test("a caption from a stream of bytes, aborted at every await: the signal's reason, the stream is cancelled", async () => {
  const captioner = await openTiny();
  let open = 0;
  const stream = () => {
    open++;
    let at = 0;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at < PICTURE.length) return controller.enqueue(PICTURE.subarray(at, at += 200));
        open--;
        controller.close();
      },
      cancel: () => void open--,
    }, { highWaterMark: 0 });
  };
  const aborted = await abortAt(everyAwait, {
    work: async (signal) => await captioner.caption(stream(), { maxTokens: 1, signal }).result,
    check: () => {},
    after: async (what) => {
      assert.equal(open, 0, what);
      await answersAsEver(captioner, what);
    },
  });
  assert.ok(aborted > 40, `${aborted} aborts`);
  await captioner.close();
});

Deno.test("one of three requests that are computed together, aborted at every await: the others are answered as ever", async () => {
  const captioner = await openTiny({ conversations: 3 });
  const aborted = await abortAt(everyAwait, {
    work: async (signal) => {
      const others = [look(captioner), look(captioner, { picture: OTHER_PICTURE })];
      const one = look(captioner, { prompt: "c", signal }).catch((error) => error);
      assert.deepEqual(await Promise.all(others), [WANTED, WANTED_OTHER]);
      const outcome = await one;
      if (outcome instanceof Error) throw outcome;
    },
    check: () => {},
    // the others go on
    ...{ step: 3, tail: 100 },
  });
  assert.ok(aborted > 40, `${aborted} aborts`);
  await answersAsEver(captioner, "after all of them");
  await captioner.close();
});

Deno.test("a reader that leaves after any number of deltas: its place is given to the next, which is right", async () => {
  const captioner = await openTiny();
  for (let k = 0; k < 6; k++) {
    let left = k;
    for await (const _ of captioner.caption(OTHER_PICTURE, { maxTokens: 8 })) if (left-- === 0) break;
    await answersAsEver(captioner, `left after ${k + 1} deltas`);
  }
  await captioner.close();
});

Deno.test("close() at every await of a request: it ends with its answer or with closed, and memory is given back", async () => {
  const { made, held } = await memoriesHeld(async () => {
    let [closedEarly, k] = [0, 0];
    for (let reached = true; reached; k += 4) {
      reached = false;
      const captioner = await openTiny();
      let closing: Promise<void> | undefined;
      const result = await everyAwait((index) => {
        if (index === k) [reached, closing] = [true, captioner.close()];
      }, () => look(captioner)).catch((error) => error);
      if (result.code === "closed") closedEarly++;
      else assert.deepEqual(result, WANTED, `closed at await ${k}: ${result}`);
      await (closing ?? captioner.close());
      assert.throws(() => captioner.requests, { code: "closed" });
    }
    assert.ok(closedEarly > 3, `${closedEarly} of ${k / 4}`);
  });
  assert.ok(made > 20);
  assert.equal(held, 0, `${held} of ${made} memories are held`);
});
