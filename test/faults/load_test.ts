/** Sources that go wrong at their k-th read, for every k of a load, and for every k of a picture whose encoder is streamed. */
import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { rejection } from "../sdk/model.ts";
import { tinyPair } from "../sdk/tiny_pair.ts";
import { memoriesHeld } from "./collected.ts";
import { type Fault, faultsOf, faultySource, Reads, type Way, WAYS } from "./faulty_source.ts";
import { answersAsEver, look, opensAndAnswers, openTiny, OTHER_PICTURE, PAIR } from "./tiny.ts";

const OTHER = tinyPair({}, 99);
const reason = new Error("no patience");

function pair(way: Way, reads: Reads) {
  return {
    text: faultySource(PAIR.text, OTHER.text, "text.gguf", way, reads),
    vision: faultySource(PAIR.vision, OTHER.vision, "vision.gguf", way, reads),
  };
}

/** A signal that is aborted when a read stands still: none of these sources looks at it. */
function patience(reads: Reads): AbortSignal {
  const controller = new AbortController();
  reads.onStall = () => controller.abort(reason);
  return controller.signal;
}

function assertIsOf(fault: Fault, error: unknown, reads: Reads, what: string): void {
  if (fault === "stalls") return assert.equal(error, reason, what);
  if (fault === "rejects" || fault === "throws") return assert.equal(error, reads.error, what);
  assert.ok(error instanceof LorisError, `${what}: ${error}`);
  assert.match(error.code, /^(source_failed|file_invalid)$/, what);
  assert.match(error.message, /^(text|vision)\.gguf: /, what);
}

/** True if it was refused, as it has to be. */
async function refusesToLoad(fault: Fault, k: number, way: Way): Promise<boolean> {
  const reads = new Reads();
  reads.arm(fault, k);
  const what = `read ${k} by ${way} ${fault}`;
  const opened = await openTiny({ ...pair(way, reads), signal: patience(reads) }).catch((error) => {
    assertIsOf(fault, error, reads, what);
  });
  if (fault !== "stalls") assert.equal(reads.streamsOpen, 0, what);
  await opened?.close();
  return opened === undefined;
}

for (const way of WAYS) {
  const counting = new Reads();
  await (await openTiny(pair(way, counting))).close();
  for (const fault of faultsOf(way)) {
    Deno.test(`load() by ${way} where the k-th read ${fault}, for every k: a typed error, memory given back, the next is right`, async () => {
      const { count } = counting;
      assert.ok(count >= (way === "stream" ? 14 : 6), `${count} reads`);
      const accepted: number[] = [];
      const { made, held } = await memoriesHeld(async () => {
        for (let k = 0; k < count; k++) {
          if (!await refusesToLoad(fault, k, way)) accepted.push(k);
          await opensAndAnswers(`after read ${k} by ${way} ${fault}`);
        }
      });
      assert.ok(made > count, `${made} memories`);
      assert.equal(held, 0, `${held} of ${made} memories are held`);
      // nothing tells another file of the same form and size
      if (fault !== "is of another file") assert.deepEqual(accepted, []);
    });
  }

  Deno.test(`a picture whose layers come by ${way}, where the k-th read goes wrong, for every k: a typed error, the next is right`, async () => {
    const reads = new Reads();
    const captioner = await openTiny({ ...pair(way, reads), visionWeights: "streamed", keptTiles: 0 });
    const before = reads.count;
    await answersAsEver(captioner, "nothing went wrong");
    const count = (reads.count - before) / 2;
    assert.ok(count >= 4, `${count} reads a picture`);
    for (const fault of faultsOf(way).filter((fault) => fault !== "is of another file")) {
      for (let k = 0; k < count; k++) {
        const what = `read ${k} of a picture by ${way} ${fault}`;
        reads.arm(fault, k);
        const error = await rejection(look(captioner, { picture: OTHER_PICTURE, signal: patience(reads) }));
        if (fault === "rejects" || fault === "throws") {
          assert.deepEqual([error.code, (error as Error).cause], ["source_failed", reads.error], what);
        } else assertIsOf(fault, error, reads, what);
        reads.arm();
        await answersAsEver(captioner, what);
      }
    }
    await captioner.close();
  });
}

for (const bytes of [NaN, -1, 0.5, Infinity, 2 ** 53, "9000"]) {
  Deno.test(`load() refuses a source that says it has ${JSON.stringify(bytes)} (${typeof bytes}) bytes`, async () => {
    const reads = new Reads();
    const right = pair("read", reads);
    const text = { ...right.text, size: () => Promise.resolve(bytes as number) };
    const { code, message } = await rejection(openTiny({ ...right, text }));
    assert.equal(code, "source_failed");
    assert.equal(message, `text.gguf: the source says that it has ${bytes} bytes`);
  });
}
