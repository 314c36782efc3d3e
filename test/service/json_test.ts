/** `response_format` and `logprobs`: JSON of a schema, with pictures and streamed; tokens with their log probabilities. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { chatCompletion, chatCompletionChunk } from "../../src/service/chat_schema.ts";
import { open } from "../sdk/model.ts";
import { all, errorOf, type Json, picture, sseEvents, TestApp } from "./app.ts";

const app = new TestApp(await open({ contextTokens: 512 }));
const SCHEMA = {
  type: "object",
  properties: { animal: { enum: ["dog", "cat"] }, count: { type: "integer", minimum: 0, maximum: 9 } },
  required: ["animal", "count"],
  additionalProperties: false,
};
const FORMAT = { type: "json_schema", json_schema: { name: "animals", strict: true, schema: SCHEMA } };

async function answer(body: Json): Promise<Json> {
  const json = await (await app.chat(body)).json();
  v.parse(chatCompletion, json);
  return json.choices[0];
}

async function chunks(body: Json): Promise<Json[]> {
  const events = await all(sseEvents(await app.chat({ ...body, stream: true })));
  assert.equal(events.pop(), "[DONE]");
  return events.map((event) => v.parse(chatCompletionChunk, JSON.parse(event)).choices[0]);
}

Deno.test("response_format json_schema: the answer about a picture is JSON of the schema, whole or streamed", async () => {
  const body = { messages: [picture()], response_format: FORMAT, max_tokens: 60 };
  const { message, finish_reason } = await answer(body);
  const { animal, count, ...rest } = JSON.parse(message.content);
  assert.equal(finish_reason, "stop");
  assert.ok(["dog", "cat"].includes(animal) && Number.isInteger(count) && count >= 0 && count <= 9);
  assert.deepEqual(rest, {});
  const pieces = (await chunks(body)).map(({ delta }) => delta.content ?? "");
  assert.ok(pieces.filter((piece) => piece !== "").length > 3);
  assert.equal(pieces.join(""), message.content);
});

Deno.test("response_format json_object is an object; json_schema without a schema is any JSON; text is free", async () => {
  const ask = async (
    response_format: Json,
  ) => (await answer({ messages: [picture()], response_format, max_tokens: 120 }));
  for (const format of [{ type: "json_object" }, { type: "json_schema", json_schema: { name: "any" } }]) {
    const { message, finish_reason } = await ask(format);
    // a small model may never close what it opened
    if (finish_reason === "stop") JSON.parse(message.content);
    else assert.match(message.content, /^\s*["{[]/);
  }
  assert.match((await ask({ type: "text" })).message.content, /dog/);
});

Deno.test("response_format: what cannot be enforced or is none is refused by name", async () => {
  const messages = [picture()];
  const bad: [Json, string][] = [
    [{ type: "xml" }, "response_format.type"],
    [{ type: "json_schema" }, "response_format.json_schema"],
    [{ type: "json_schema", json_schema: { schema: SCHEMA } }, "response_format.json_schema.name"],
    [{ type: "json_schema", json_schema: { name: "x", schema: { not: {} } } }, "response_format"],
  ];
  for (const [response_format, param] of bad) {
    const response = await app.chat({ messages, response_format });
    const body = await response.json();
    assert.deepEqual([response.status, body.error.param], [400, param], body.error.message);
  }
});

Deno.test("logprobs: each token with its bytes, top_logprobs of them beside it, whole or streamed", async () => {
  const body = { messages: [picture()], logprobs: true, top_logprobs: 2, max_tokens: 6 };
  const { logprobs, message } = await answer(body);
  const { content } = logprobs;
  assert.equal(content.length, 6);
  const bytes = Uint8Array.from(content.flatMap(({ bytes }: Json) => bytes));
  assert.equal(new TextDecoder().decode(bytes).trimStart(), message.content);
  for (const { token, logprob, bytes, top_logprobs } of content) {
    assert.equal(top_logprobs.length, 2);
    assert.ok(logprob <= 0 && top_logprobs[0].logprob >= top_logprobs[1].logprob);
    assert.deepEqual({ token, logprob, bytes }, top_logprobs[0], "greedy takes the most probable");
  }
  const streamed = (await chunks(body)).flatMap(({ logprobs }) => logprobs?.content ?? []);
  assert.deepEqual(streamed, content);
  assert.equal((await answer({ messages: [picture()], max_tokens: 2 })).logprobs, null);
  await errorOf(await app.chat({ messages: [picture()], top_logprobs: 2 }), 400, "invalid_value", "top_logprobs");
  await errorOf(
    await app.chat({ messages: [picture()], logprobs: true, top_logprobs: 21 }),
    400,
    "invalid_value",
    "top_logprobs",
  );
});
