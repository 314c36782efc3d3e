/** `visualTokens` in `load`: what is refused, what is counted, and what fits. */
import assert from "node:assert/strict";
import type { LoadOptions } from "../../sdk/load.ts";
import type { Message } from "../../sdk/chat.ts";
import { DOGS, MOUNTAIN, open, rejection } from "./model.ts";
import { memoriesOf, spied } from "./spy.ts";

const TOKENS = 64;
const ask = (image: Uint8Array, text: string): Message => ({
  role: "user",
  content: [{ type: "image", image }, { type: "text", text }],
});
const TURNS: readonly Message[] = [
  ask(DOGS, "Is there a dog in this image?"),
  { role: "assistant", content: " Yes." },
  ask(MOUNTAIN, "What objects are in this image?"),
];
const pictures = (count: number): Message[] => [{
  role: "user",
  content: Array.from({ length: count }, () => ({ type: "image" as const, image: DOGS })),
}];

Deno.test("load({ visualTokens }) refuses more than the model makes of a tile, and what is no option, by name", async () => {
  const wrong: LoadOptions["visualTokens"][] = [0, TOKENS + 1, 1.5, { keep: 8, by: "size" as "random" }];
  for (const visualTokens of wrong) {
    const memories = await memoriesOf(async () => {
      const { code, param } = await rejection(open({ visualTokens: visualTokens! }));
      assert.deepEqual([code, param], ["argument_invalid", "visualTokens"], String(visualTokens));
    });
    assert.equal(memories.length, 0, "nothing is allocated for it");
  }
});

Deno.test("usage counts the tokens that are in the context, of every picture", async () => {
  const [all, some] = [await open(), await open({ visualTokens: 20 })];
  const want = (await all.chat(TURNS, { maxTokens: 2 }).result).usage;
  const { usage } = await some.chat(TURNS, { maxTokens: 2 }).result;
  assert.equal(usage.imageTokens, 2 * 20);
  assert.equal(usage.promptTokens, want.promptTokens - 2 * (TOKENS - 20));
});

Deno.test("a conversation that does not fit does with fewer image tokens, in less KV cache", async () => {
  const [all, some] = [await open({ contextTokens: 256 }), await open({ contextTokens: 96, visualTokens: 8 })];
  const four = pictures(4);
  const { code, message } = await rejection(all.chat(four, { maxTokens: 2 }).result);
  assert.equal(code, "context_overflow");
  assert.doesNotMatch(message, /positions/);
  const { usage } = await some.chat(four, { maxTokens: 2 }).result;
  assert.equal(usage.imageTokens, 4 * 8);
  assert.equal(some.memory.kvBytes * 256, all.memory.kvBytes * 96);
});

Deno.test("positions that are left free count against what the model was made for", async () => {
  const some = await open({ contextTokens: 2048, visualTokens: 1 });
  await spied((operation) => assert.fail(`${operation} was called`), async () => {
    const { code, message } = await rejection(some.chat(pictures(128), { maxTokens: 2 }).result);
    assert.equal(code, "context_overflow");
    assert.match(message, /the prompt has \d{3,4} tokens .* made for 8192 positions \(the prompt takes 8\d{3}\)/);
  });
});

Deno.test("all tokens of a tile give the answer of no selection, half of them one that names what is there", async () => {
  const answer = async (options: Partial<LoadOptions>) =>
    (await (await open(options)).caption(DOGS, { maxTokens: 10 }).result).text;
  const want = await answer({});
  assert.equal(await answer({ visualTokens: TOKENS }), want);
  assert.match(await answer({ visualTokens: 32 }), /dog/);
});
