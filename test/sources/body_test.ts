import assert from "node:assert/strict";
import { bodyPieces } from "../../sdk/sources/body.ts";

const BYTES = Uint8Array.from({ length: 600_000 }, (_, i) => (i * 7 + (i >> 9)) & 255);

/** A stream of the bytes that fills its reader's memory, at most `most` bytes at once; notes how much it was given. */
function filling(most: number, given: number[], cancelled: () => void = () => {}): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest;
      if (!request) throw new Error("no memory was given");
      const view = new Uint8Array(request.view!.buffer, request.view!.byteOffset, request.view!.byteLength);
      given.push(view.length);
      const part = BYTES.subarray(at, at + Math.min(most, view.length));
      if (part.length === 0) controller.close();
      view.set(part);
      at += part.length;
      request.respond(part.length);
    },
    cancel: cancelled,
  });
}

async function joinedPieces(stream: ReadableStream<Uint8Array>, length: number): Promise<Uint8Array> {
  const all: number[] = [];
  for await (const piece of bodyPieces(stream, length)) for (const byte of piece) all.push(byte);
  return Uint8Array.from(all);
}

Deno.test("bodyPieces() gives a stream that fills memory one memory, no larger than the body", async () => {
  for (const [most, length, memory] of [[1000, 10_000, 10_000], [1e6, BYTES.length, 1 << 18]] as const) {
    const given: number[] = [];
    assert.deepEqual(await joinedPieces(filling(most, given), length), BYTES);
    // a small one for what may come after the body's end
    assert.deepEqual(new Set(given), new Set([memory, 4096]));
  }
});

Deno.test("bodyPieces() reads streams that bring their own memory, and empty ones", async () => {
  const stream = () => new Blob([BYTES]).stream().pipeThrough(new TransformStream<Uint8Array, Uint8Array>());
  assert.deepEqual(await joinedPieces(stream(), BYTES.length), BYTES);
  assert.equal((await joinedPieces(new Blob([]).stream(), 0)).length, 0);
});

Deno.test("bodyPieces() cancels a stream that is left, and passes on what breaks one", async () => {
  let cancelled = 0;
  for await (const piece of bodyPieces(filling(100, [], () => cancelled++), 1000)) {
    assert.equal(piece.length, 100);
    break;
  }
  assert.equal(cancelled, 1);
  const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("broken")) });
  await assert.rejects(joinedPieces(broken, 10), /broken/);
});
