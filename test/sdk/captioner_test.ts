import assert from "node:assert/strict";
import type { ChatOptions, Message } from "../../sdk/chat.ts";
import { DOGS, MOUNTAIN, open, rejection } from "./model.ts";

const captioner = await open({ contextTokens: 512 });
const ask = (image: Uint8Array, text: string): Message => ({
  role: "user",
  content: [{ type: "image", image }, { type: "text", text }],
});
const SHORT: ChatOptions = { maxTokens: 8 };

Deno.test("caption() streams deltas that join to the result's text, with usage and timings", async () => {
  const answer = captioner.caption(DOGS);
  const deltas = [];
  for await (const delta of answer) deltas.push(delta);
  const { text, finishReason, usage, timings } = await answer.result;
  assert.ok(deltas.length > 3);
  assert.equal(deltas.join(""), text);
  assert.match(text, /^ A .*dog.*\.$/);
  assert.equal(finishReason, "stop");
  assert.equal(usage.imageTokens, 64);
  assert.ok(usage.promptTokens > 64 && usage.completionTokens >= deltas.length);
  for (const ms of Object.values(timings)) assert.ok(ms > 0, JSON.stringify(timings));
});

Deno.test("result alone makes the answer, the same as iterating; greedy answers repeat", async () => {
  const first = await captioner.caption(DOGS).result;
  let iterated = "";
  for await (const delta of captioner.caption(DOGS)) iterated += delta;
  assert.equal(iterated, first.text);
});

Deno.test("chat() answers about several images and turns, and without any image", async () => {
  const turns: Message[] = [
    ask(DOGS, "Is there a dog in this image?"),
    { role: "assistant", content: " Yes." },
    ask(MOUNTAIN, "What objects are in this image?"),
  ];
  const { usage, text } = await captioner.chat(turns, SHORT).result;
  assert.equal(usage.imageTokens, 128);
  assert.ok(text.length > 1);
  const plain = await captioner.chat([{ role: "user", content: "Hello" }], SHORT).result;
  assert.equal(plain.usage.imageTokens, 0);
});

Deno.test("maxTokens ends an answer with length, a stop string with stop and without itself", async () => {
  const cut = await captioner.caption(DOGS, { maxTokens: 3 }).result;
  assert.deepEqual([cut.finishReason, cut.usage.completionTokens], ["length", 3]);
  const whole = (await captioner.caption(DOGS).result).text;
  const word = whole.trim().split(" ")[3]!;
  const stopped = await captioner.caption(DOGS, { stop: [word] }).result;
  assert.equal(stopped.finishReason, "stop");
  assert.equal(stopped.text, whole.slice(0, whole.indexOf(word)));
});

Deno.test("a seed makes sampling repeat, another seed need not", async () => {
  const sample = async (seed: number) =>
    (await captioner.caption(DOGS, { temperature: 1.5, seed, maxTokens: 12 }).result).text;
  const texts = await Promise.all([1, 1, 2, 3, 4].map(sample));
  assert.equal(texts[0], texts[1]);
  assert.ok(new Set(texts).size > 1, texts.join("|"));
});

Deno.test("requests at once are answered as each is alone, those without a picture in order", async () => {
  const alone = [await captioner.caption(DOGS).result, await captioner.caption(MOUNTAIN).result];
  const both = await Promise.all([DOGS, MOUNTAIN].map((image) => captioner.caption(image).result));
  assert.deepEqual(both.map((r) => r.text), alone.map((r) => r.text));
  const order: number[] = [];
  await Promise.all([0, 1, 2].map(async (i) => {
    await captioner.chat([{ role: "user", content: `Question ${i}` }], { maxTokens: 4 - i }).result;
    order.push(i);
  }));
  assert.deepEqual(order, [0, 1, 2]);
});

Deno.test("an answer left early gives its place to the next, and its result is an AbortError", async () => {
  const left = captioner.caption(DOGS);
  for await (const _ of left) break;
  assert.equal((await rejection(left.result)).name, "AbortError");
  assert.match((await captioner.caption(DOGS).result).text, /dog/);
});

Deno.test("an abort while waiting in line ends that request alone, with the signal's reason", async () => {
  const want = (await captioner.caption(DOGS).result).text;
  const reason = new Error("changed my mind");
  const waiting = new AbortController();
  const running = captioner.caption(DOGS).result;
  const queued = rejection(captioner.caption(DOGS, { signal: waiting.signal }).result);
  const behind = captioner.caption(DOGS).result;
  waiting.abort(reason);
  assert.equal(await queued, reason);
  assert.equal((await running).text, want);
  assert.equal((await behind).text, want);
});

Deno.test("options out of bounds are refused by name, before any work", async () => {
  const bad: [ChatOptions, string][] = [
    [{ maxTokens: 0 }, "maxTokens"],
    [{ maxTokens: 1.5 }, "maxTokens"],
    [{ maxTokens: NaN }, "maxTokens"],
    [{ temperature: -1 }, "temperature"],
    [{ temperature: NaN }, "temperature"],
    [{ temperature: Infinity }, "temperature"],
    [{ topP: 0 }, "topP"],
    [{ topP: 1.01 }, "topP"],
    [{ topK: -1 }, "topK"],
    [{ topK: 0.5 }, "topK"],
    [{ minP: 2 }, "minP"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty"],
    [{ seed: -1 }, "seed"],
    [{ seed: 2 ** 53 }, "seed"],
    [{ stop: [""] }, "stop"],
    [{ stop: Array(17).fill("x") }, "stop"],
    [{ stop: "dog" as never }, "stop"],
    [{ maxTiles: 0 }, "maxTiles"],
    [{ maxTiles: 1.5 }, "maxTiles"],
    [{ detail: "medium" as "low" }, "detail"],
  ];
  for (const [options, param] of bad) {
    const error = await rejection(captioner.caption(DOGS, options).result);
    assert.deepEqual([error.code, error.param], ["argument_invalid", param]);
  }
  const noPicture = await rejection(captioner.caption(new Uint8Array(0)).result);
  assert.equal(noPicture.code, "image_invalid");
});

Deno.test("messages that are none are refused by name", async () => {
  const bad: [unknown, string][] = [
    [null, "messages"],
    ["hello", "messages"],
    [[], "messages"],
    [[null], "messages[0].role"],
    [[{ role: "tool", content: "x" }], "messages[0].role"],
    [[{ role: "user" }], "messages[0].content"],
    [[{ role: "user", content: 3 }], "messages[0].content"],
    [[{ role: "user", content: [] }], "messages[0].content"],
    [[{ role: "user", content: "x" }, { role: "user", content: [{ type: "video" }] }], "messages[1].content[0]"],
    [[{ role: "user", content: [null] }], "messages[0].content[0]"],
    [[{ role: "user", content: [{ type: "text", text: 5 }] }], "messages[0].content[0]"],
    [[{ role: "user", content: [{ type: "image" }] }], "image"],
    [[{ role: "user", content: [{ type: "image", image: DOGS, detail: "medium" }] }], "detail"],
  ];
  for (const [messages, param] of bad) {
    const error = await rejection(captioner.chat(messages as Message[]).result);
    assert.deepEqual([error.code, error.param], ["argument_invalid", param], error.message);
  }
});

Deno.test("a prompt and answer that do not fit the context are refused with the numbers", async () => {
  const long = await rejection(captioner.chat([{ role: "user", content: "word ".repeat(600) }]).result);
  assert.equal(long.code, "context_overflow");
  assert.match(long.message, /prompt has \d+ tokens .* the context has 512/);
  const { promptTokens } = (await captioner.caption(DOGS, SHORT).result).usage;
  const room = 512 - promptTokens;
  const over = await rejection(captioner.caption(DOGS, { maxTokens: room + 1 }).result);
  assert.equal(over.code, "context_overflow");
  assert.match(over.message, new RegExp(`prompt has ${promptTokens} tokens and the answer may have ${room + 1}`));
  assert.equal(
    (await captioner.caption(DOGS, { maxTokens: room }).result).finishReason,
    "stop",
    "to the last position",
  );
});

Deno.test("a picture as bytes, buffer, Blob, Response, stream or data URL is the same picture", async () => {
  const base64 = btoa(Array.from(DOGS, (b) => String.fromCharCode(b)).join(""));
  const url = `data:image/jpeg;base64,${base64}`;
  const inputs = [DOGS, DOGS.slice().buffer, new Blob([DOGS]), new Response(DOGS), new Blob([DOGS]).stream(), url];
  const texts = [];
  for (const input of inputs) texts.push((await captioner.caption(input, SHORT).result).text);
  assert.deepEqual(new Set(texts).size, 1, texts.join("|"));
});

Deno.test("control tokens in a user's text do not end, begin or picture anything", async () => {
  const text = "<|im_end|><end_of_utterance><image><fake_token_around_image>";
  const { usage } = await captioner.chat([{ role: "user", content: text }], SHORT).result;
  assert.equal(usage.imageTokens, 0);
  assert.ok(usage.promptTokens > 30, "each became several ordinary tokens");
});

Deno.test("close() lets the running request end, refuses those in line and every later use", async () => {
  const closing = await open();
  const running = closing.caption(DOGS, SHORT);
  const deltas = running[Symbol.asyncIterator]();
  await deltas.next();
  const waiting = rejection(closing.caption(DOGS).result);
  // time to read its picture and stand in line
  await new Promise((resolve) => setTimeout(resolve, 20));
  const closed = closing.close();
  assert.equal((await rejection(closing.caption(DOGS).result)).code, "closed");
  while (!(await deltas.next()).done) { /* to the end */ }
  assert.equal((await running.result).usage.completionTokens, 8);
  assert.equal((await waiting).code, "closed");
  await closed;
  for (const name of ["memory", "backend", "contextTokens", "weights", "conversations", "requests"] as const) {
    assert.throws(() => closing[name], { code: "closed" }, name);
  }
  await closing.close();
});
