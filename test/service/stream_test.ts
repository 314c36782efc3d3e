/** `POST /v1/chat/completions` with `stream`: chunk by chunk as OpenAI sends them, and every way in which a stream ends. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { chatCompletionChunk } from "../../src/service/chat_schema.ts";
import { DOGS, open } from "../sdk/model.ts";
import { all, CHAT, errorOf, type Json, picture, sseEvents, TestApp } from "./app.ts";

const captioner = await open({ contextTokens: 512, conversations: 2 });
const app = new TestApp(captioner, { modelId: "nano" });
const DOGS_TEXT = (await captioner.caption(DOGS).result).text.trim();
const LONG = {
  messages: [{ role: "user", content: "Tell me about a dog." }],
  temperature: 3,
  seed: 1,
  max_tokens: 400,
};

async function stream(body: Json): Promise<{ chunks: Json[]; last: string }> {
  const response = await app.chat({ ...body, stream: true });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  const events = await all(sseEvents(response));
  const last = events.pop()!;
  return { chunks: events.map((event) => JSON.parse(event)), last };
}

Deno.test("stream: role first, then the text's pieces, then the reason of the end, then [DONE]", async () => {
  const { chunks, last } = await stream({ messages: [picture()] });
  assert.equal(last, "[DONE]");
  for (const chunk of chunks) {
    v.parse(chatCompletionChunk, chunk);
    assert.deepEqual([chunk.id, chunk.created, chunk.model], [chunks[0].id, chunks[0].created, "nano"]);
    assert.ok(!("usage" in chunk));
  }
  const choice = (
    delta: Json,
    finish_reason: string | null = null,
  ) => [{ index: 0, delta, logprobs: null, finish_reason }];
  assert.deepEqual(chunks[0].choices, choice({ role: "assistant", content: "" }));
  assert.deepEqual(chunks.at(-1).choices, choice({}, "stop"));
  const pieces = chunks.slice(1, -1).map(({ choices }) => {
    const { content } = choices[0].delta;
    assert.deepEqual(choices, choice({ content }));
    return content as string;
  });
  assert.ok(pieces.length > 3, "it comes in pieces");
  assert.equal(pieces.join(""), DOGS_TEXT);
});

Deno.test("stream_options.include_usage: null in every chunk, and the numbers in one without choices", async () => {
  const { chunks, last } = await stream({ messages: [picture()], stream_options: { include_usage: true } });
  assert.equal(last, "[DONE]");
  const end = chunks.pop();
  assert.deepEqual(end.choices, []);
  assert.equal(end.usage.prompt_tokens_details.image_tokens, 64);
  assert.equal(end.usage.total_tokens, end.usage.prompt_tokens + end.usage.completion_tokens);
  for (const { usage } of chunks) assert.equal(usage, null);
});

Deno.test("stream: n choices come with their index, each with a role and an end", async () => {
  const body = { messages: [picture()], n: 2, temperature: 1.5, seed: 5, max_tokens: 6 };
  const { chunks } = await stream(body);
  const whole = await (await app.chat(body)).json();
  for (const index of [0, 1]) {
    const own = chunks.filter(({ choices }) => choices[0].index === index).map(({ choices }) => choices[0]);
    assert.equal(own[0].delta.role, "assistant");
    assert.equal(own.at(-1).finish_reason, whole.choices[index].finish_reason);
    assert.equal(own.map(({ delta }) => delta.content ?? "").join(""), whole.choices[index].message.content);
  }
});

Deno.test("stream: a first chunk comes while the answer is still being made", async () => {
  const response = await app.chat({ ...LONG, stream: true });
  const events = sseEvents(response);
  await events.next();
  await events.next();
  assert.equal(captioner.requests.active, 1);
  await events.return(undefined);
});

Deno.test("stream: what fails before the first byte has its status", async () => {
  await errorOf(await app.chat({ messages: [picture("data:,x")], stream: true }), 400, "image_invalid");
  await errorOf(await app.chat({ ...LONG, max_tokens: 500, stream: true }), 400, "context_length_exceeded");
});

Deno.test("stream: what fails later is an error object and the end, without [DONE]", async () => {
  const entries: Json[] = [];
  const hasty = new TestApp(captioner, { requestTimeoutMs: 250, log: (entry) => entries.push(entry) });
  const events = await all(sseEvents(await hasty.chat({ ...LONG, stream: true })));
  const last = JSON.parse(events.pop()!);
  assert.deepEqual([last.error.code, last.error.type], ["timeout", "server_error"]);
  assert.ok(events.length > 1);
  for (const event of events) v.parse(chatCompletionChunk, JSON.parse(event));
  assert.deepEqual(entries.map(({ status, code }) => [status, code]), [[200, undefined], [504, "timeout"]]);
  const metrics = await (await hasty.get("/metrics")).text();
  assert.match(metrics, /loris_stream_errors_total\{code="timeout"\} 1\n/);
  assert.match(metrics, /loris_requests_inside 0\n/);
});

Deno.test("a reader that neither reads nor leaves loses its place and what was made for it when its time is over", async () => {
  const entries: Json[] = [];
  const alone = await open({ contextTokens: 512 });
  let over = () => {};
  const told = new Promise<void>((resolve) => over = resolve);
  const log = (entry: Json) => {
    entries.push(entry);
    if (entry.code === "timeout") over();
  };
  const hasty = new TestApp(alone, { requestTimeoutMs: 400, maxWaiting: 0, log });
  const response = await hasty.chat({ ...LONG, stream: true });
  await errorOf(await hasty.chat({ ...LONG, max_tokens: 1 }), 429, "too_many_requests");
  await told;
  assert.match(await (await hasty.get("/metrics")).text(), /loris_requests_inside 0\n/);
  assert.equal((await hasty.chat({ ...LONG, max_tokens: 1 })).status, 200);
  const events = await all(sseEvents(response));
  assert.equal(JSON.parse(events.pop()!).error.code, "timeout");
  assert.ok(events.length <= 2, `${events.length} events were kept for nobody`);
  assert.deepEqual(entries.filter(({ code }) => code === "timeout").map(({ status }) => status), [504]);
});

Deno.test("a reader that leaves ends the work within a token and frees the place", async () => {
  const alone = await open({ contextTokens: 512 });
  const narrow = new TestApp(alone, { maxWaiting: 0 });
  const response = await narrow.chat({ ...LONG, stream: true });
  const reader = response.body!.getReader();
  await reader.read();
  await errorOf(await narrow.chat({ ...LONG, max_tokens: 1 }), 429, "too_many_requests");
  await reader.cancel();
  const next = await narrow.chat({ ...LONG, max_tokens: 1 });
  assert.equal(next.status, 200, "the place is free, and so is the model");
  assert.equal((await next.json()).usage.completion_tokens, 1);
  assert.deepEqual(alone.requests, { active: 0, waiting: 0 });
});

Deno.test("a client that aborts frees its place, streaming or not, waiting or computed", async () => {
  const alone = await open({ contextTokens: 512 });
  const narrow = new TestApp(alone, { maxWaiting: 1 });
  for (const stream of [true, false]) {
    const [first, second] = [new AbortController(), new AbortController()];
    const send = ({ signal }: AbortController) => narrow.chat({ ...LONG, stream }, { signal }).then((r) => r.text());
    const [running, waiting] = [send(first), send(second)];
    while (alone.requests.active < 1 || alone.requests.waiting < 1) await new Promise((r) => setTimeout(r, 5));
    await errorOf(await narrow.chat({ ...LONG, max_tokens: 1 }), 429, "too_many_requests");
    second.abort();
    assert.match(await waiting, /client_closed_request/);
    first.abort();
    assert.match(await running, /client_closed_request/);
    const again = await narrow.chat({ ...LONG, max_tokens: 1 });
    assert.equal((await again.json()).usage.completion_tokens, 1);
    assert.deepEqual(alone.requests, { active: 0, waiting: 0 });
  }
});

Deno.test("shutdown ends streams with an error object, waiting requests and new ones with 503", async () => {
  const shutdown = new AbortController();
  const alone = await open({ contextTokens: 512 });
  const stopping = new TestApp(alone, { shutdown: shutdown.signal });
  const running = await stopping.chat({ ...LONG, stream: true });
  const events = sseEvents(running);
  await events.next();
  const waiting = stopping.chat(LONG);
  while (alone.requests.waiting < 1) await new Promise((r) => setTimeout(r, 5));
  assert.equal((await stopping.get("/health")).status, 200);
  shutdown.abort();
  const error = await errorOf(await waiting, 503, "shutting_down");
  assert.equal(error.type, "server_error");
  assert.match((await all(events)).pop()!, /"shutting_down"/);
  const refused = await stopping.app.request(CHAT, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  await errorOf(refused, 503, "shutting_down");
  const health = await stopping.get("/health");
  assert.deepEqual([health.status, await health.json()], [503, { status: "stopping" }]);
});
