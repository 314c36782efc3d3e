import assert from "node:assert/strict";
import { Channel } from "../../sdk/generate/channel.ts";

async function all<T, R>(values: AsyncGenerator<T, R>): Promise<{ values: T[]; result: R }> {
  const taken: T[] = [];
  for (;;) {
    const { done, value } = await values.next();
    if (done) return { values: taken, result: value };
    taken.push(value);
  }
}

Deno.test("Channel: what was pushed before and after reading began comes in order, then the result", async () => {
  const channel = new Channel<number, string>();
  channel.push(1);
  const read = all(channel.read());
  await Promise.resolve();
  channel.push(2);
  channel.push(3);
  channel.end("done");
  assert.deepEqual(await read, { values: [1, 2, 3], result: "done" });
});

Deno.test("Channel: an error comes after the values that were there; the first end holds", async () => {
  const channel = new Channel<number, string>();
  channel.push(1);
  channel.fail(new Error("broken"));
  channel.end("never");
  assert.ok(channel.ended);
  const values = channel.read();
  assert.equal((await values.next()).value, 1);
  await assert.rejects(values.next(), /broken/);
});
