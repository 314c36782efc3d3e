/** Several requests at once: the same answers as one after another, and nothing computed twice. */
import assert from "node:assert/strict";
import type { ChatOptions, Message } from "../../sdk/chat.ts";
import { DOGS, MOUNTAIN, open, rejection } from "./model.ts";
import { spied } from "./spy.ts";

const reason = new Error("changed my mind");

/** A user's turn, with or without a picture. */
const user = (text: string, image?: Uint8Array): Message => ({
  role: "user",
  content: image ? [{ type: "image", image }, { type: "text", text }] : text,
});
const REQUESTS: readonly (readonly [readonly Message[], ChatOptions])[] = [
  [[user("Describe this image.", DOGS)], { maxTokens: 12 }],
  [[user("What objects are in this image?", MOUNTAIN)], { maxTokens: 8 }],
  [[user("Tell me about a dog that swims.")], { maxTokens: 20 }],
  [[user("Describe this image.", MOUNTAIN)], { maxTokens: 10, temperature: 1, seed: 5 }],
  [[user("Is there a dog in this image?", DOGS)], { maxTokens: 6 }],
  [[user("Write a caption.", DOGS)], { maxTokens: 12, repetitionPenalty: 1.2, temperature: 0.7, seed: 9 }],
];

/** Matrix products of so many rows, and tiles that are looked at, while work runs. */
async function counted(work: () => Promise<unknown>): Promise<{ tiles: number; rows: number[] }> {
  const seen = { tiles: 0, rows: [] as number[] };
  await spied((operation, args) => {
    if (operation === "patches") seen.tiles++;
    if (operation === "linear") seen.rows.push(args[5]!);
  }, async () => void await work());
  return seen;
}

for (const options of [{}, { lazy: "gla" }, { lazy: "vla", kv: "q8" }] as const) {
  const name = `requests at once give the answers that they give one after another: ${JSON.stringify(options)}`;
  Deno.test(name, async () => {
    const alone = await open({ ...options, keptTiles: 0 });
    const want: string[] = [];
    for (const [messages, how] of REQUESTS) want.push((await alone.chat(messages, how).result).text);
    const together = await open({ ...options, conversations: 4 });
    const { rows } = await counted(async () => {
      const got = await Promise.all(REQUESTS.map(([messages, how]) => together.chat(messages, how).result));
      assert.deepEqual(got.map(({ text }) => text), want);
    });
    assert.ok(rows.includes(8), "no step had four conversations, each with two rows of logits");
  });
}

Deno.test("a conversation's next turn computes what is new alone, with the answer of one that computes all", async () => {
  const captioner = await open({ contextTokens: 512 });
  const first = user("What objects are in this image?", MOUNTAIN);
  const { text, usage } = await captioner.chat([first], { maxTokens: 8 }).result;
  assert.equal(usage.cachedTokens, 0);
  const messages = [first, { role: "assistant", content: text } as const, user("Describe this image.")];
  let again = usage;
  const { tiles, rows } = await counted(async () => {
    const result = await captioner.chat(messages, { maxTokens: 8 }).result;
    again = result.usage;
    const fresh = await (await open({ contextTokens: 512 })).chat(messages, { maxTokens: 8 }).result;
    assert.equal(result.text, fresh.text);
  });
  assert.ok(again.cachedTokens >= usage.promptTokens - 2, `${again.cachedTokens} of ${again.promptTokens}`);
  assert.equal(tiles, 1, "the fresh one's");
  assert.ok(rows.includes(again.promptTokens - again.cachedTokens));
});

for (const options of [{}, { lazy: "gla" }, { lazy: "vla", kv: "q8" }] as const) {
  const name = `questions about one picture at once: its rows are computed once, and copied: ${
    JSON.stringify(options)
  }`;
  Deno.test(name, async () => {
    const questions = ["Describe this image.", "Is there a dog in this image?", "Write a caption.", "Who is here?"];
    const ask = (captioner: Awaited<ReturnType<typeof open>>, text: string) =>
      captioner.chat([user(text, DOGS)], { maxTokens: 10 }).result;
    const want: string[] = [];
    for (const text of questions) want.push((await ask(await open({ ...options, contextTokens: 512 }), text)).text);
    for (const known of [false, true]) {
      const together = await open({ ...options, contextTokens: 512, conversations: 4 });
      // one of four caches holds the picture, or none does
      if (known) await ask(together, "What is in this picture?");
      const { tiles, rows } = await counted(async () => {
        const got = await Promise.all(questions.map((text) => ask(together, text)));
        assert.deepEqual(got.map(({ text }) => text), want);
        const missed = got.filter(({ usage }) => usage.cachedTokens < usage.imageTokens);
        assert.equal(missed.length, known ? 0 : 1);
      });
      assert.equal(tiles, known ? 0 : 1);
      // a pass with the picture's rows has 64 and more, and so has the encoder
      if (known) assert.ok(rows.every((count) => count < 64));
    }
  });
}

Deno.test("a picture that was looked at is not looked at again, in whatever place; without keptTiles it is", async () => {
  const ask = (
    text: string,
  ) => [user("You see a picture."), { role: "assistant", content: "Yes." } as const, user(text, DOGS)];
  const captioner = await open();
  await captioner.caption(DOGS, { maxTokens: 2 }).result;
  await captioner.caption(MOUNTAIN, { maxTokens: 2 }).result;
  let text = "";
  const kept = await counted(async () =>
    text = (await captioner.chat(ask("Describe it."), { maxTokens: 6 }).result).text
  );
  assert.equal(kept.tiles, 0);
  const forgetful = await open({ keptTiles: 0 });
  await forgetful.caption(DOGS, { maxTokens: 2 }).result;
  const looked = await counted(async () =>
    assert.equal((await forgetful.chat(ask("Describe it."), { maxTokens: 6 }).result).text, text)
  );
  assert.equal(looked.tiles, 1);
});

Deno.test("one of several requests is aborted, left or refused: the others are answered as ever", async () => {
  const captioner = await open({ conversations: 3 });
  const want = (await captioner.caption(DOGS).result).text;
  const controller = new AbortController();
  const aborted = captioner.caption(MOUNTAIN, { signal: controller.signal });
  const deltas = aborted[Symbol.asyncIterator]();
  const others = [captioner.caption(DOGS).result, captioner.caption(DOGS).result];
  await deltas.next();
  controller.abort(reason);
  const toTheEnd = async () => {
    while (!(await deltas.next()).done) { /* what came before the abort */ }
  };
  assert.equal(await rejection(toTheEnd()), reason);
  const left = captioner.caption(MOUNTAIN);
  for await (const _ of left) break;
  assert.equal((await rejection(left.result)).name, "AbortError");
  for (const other of others) assert.equal((await other).text, want);
  assert.equal((await captioner.caption(DOGS).result).text, want);
});

Deno.test("an answer goes on while another's prompt of several tiles is looked at", async () => {
  const captioner = await open({ conversations: 2, contextTokens: 512, keptTiles: 0 });
  const answer = captioner.chat([user("Tell me about a dog that swims.")], { maxTokens: 60, temperature: 3, seed: 1 });
  const deltas = answer[Symbol.asyncIterator]();
  await deltas.next();
  const order: string[] = [];
  await spied((operation, args) => {
    if (operation === "patches") order.push("tile");
    if (operation === "embed" && args[3] === 1) order.push("step");
  }, async () => {
    const pictures = [DOGS, MOUNTAIN, DOGS].map((image) => ({ type: "image" as const, image }));
    const content = [...pictures, { type: "text" as const, text: "Describe this image." }];
    await captioner.chat([{ role: "user", content }], { maxTokens: 1 }).result;
  });
  const tiles = order.flatMap((what, i) => what === "tile" ? [i] : []);
  assert.equal(tiles.length, 3);
  assert.ok(tiles[1]! - tiles[0]! > 1 && tiles[2]! - tiles[1]! > 1, order.join(" "));
  while (!(await deltas.next()).done) { /* to its end */ }
  assert.equal((await answer.result).usage.completionTokens, 60);
});

Deno.test("conversations and requests tell how many can be computed, are, and wait", async () => {
  const captioner = await open({ conversations: 2 });
  assert.deepEqual([captioner.conversations, captioner.requests], [2, { active: 0, waiting: 0 }]);
  const ask = () => captioner.chat([user("Tell me about a dog.")], { maxTokens: 40, temperature: 3, seed: 1 }).result;
  const answers = [ask(), ask(), ask()];
  const seen: unknown[] = [];
  while (captioner.requests.active < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  seen.push(captioner.requests);
  await Promise.all(answers);
  assert.deepEqual([...seen, captioner.requests], [{ active: 2, waiting: 1 }, { active: 0, waiting: 0 }]);
});

Deno.test("conversations and keptTiles: each has its bytes in the plan, and bounds", async () => {
  const [one, three] = [await open(), await open({ conversations: 3 })];
  assert.equal(three.memory.kvBytes, 3 * one.memory.kvBytes);
  for (const conversations of [0, 65, 1.5]) {
    const { code, param } = await rejection(open({ conversations }));
    assert.deepEqual([code, param], ["argument_invalid", "conversations"]);
  }
  assert.equal((await rejection(open({ keptTiles: -1 }))).param, "keptTiles");
  const tight = await rejection(open({ conversations: 64, contextTokens: 2048 }));
  assert.match(tight.message, /lower conversations/);
});
