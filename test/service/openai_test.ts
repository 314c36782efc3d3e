/** The official `openai` package against the real server: what a program sees that changes its base URL alone. */
import assert from "node:assert/strict";
import OpenAI from "npm:openai@7.57.0";
import { DOGS_URL } from "./app.ts";
import { startServer } from "./server.ts";

const server = await startServer(["--model-id", "nano"], { LORIS_API_KEYS: "right" });
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "right", maxRetries: 0 });
const question = [{
  role: "user" as const,
  content: [
    { type: "text" as const, text: "Describe this image." },
    { type: "image_url" as const, image_url: { url: DOGS_URL } },
  ],
}];

Deno.test("openai: text", async () => {
  const { choices, usage, model } = await client.chat.completions.create({
    model: "nano",
    messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello" }],
    max_completion_tokens: 4,
  });
  assert.equal(model, "nano");
  assert.equal(choices[0]!.finish_reason, "length");
  assert.ok(choices[0]!.message.content!.length > 1);
  assert.equal(usage!.completion_tokens, 4);
});

Deno.test("openai: image, with another model's name", async () => {
  const { choices, usage } = await client.chat.completions.create({ model: "gpt-4o-mini", messages: question });
  assert.match(choices[0]!.message.content!, /dog/);
  assert.ok(usage!.prompt_tokens > 64);
});

Deno.test("openai: stream, piece by piece and collected", async () => {
  const whole =
    (await client.chat.completions.create({ model: "nano", messages: question })).choices[0]!.message.content;
  const stream = await client.chat.completions.create({
    ...{ model: "nano", messages: question, stream: true, stream_options: { include_usage: true } },
  });
  const pieces: string[] = [];
  let tokens = 0;
  for await (const { choices, usage } of stream) {
    if (choices[0]?.delta.content) pieces.push(choices[0].delta.content);
    tokens += usage?.total_tokens ?? 0;
  }
  assert.ok(pieces.length > 3);
  assert.equal(pieces.join(""), whole);
  assert.ok(tokens > 64);
  const collected = await client.chat.completions.stream({ model: "nano", messages: question }).finalChatCompletion();
  assert.equal(collected.choices[0]!.message.content, whole);
  assert.equal(collected.choices[0]!.finish_reason, "stop");
});

Deno.test("openai: a stream that is left ends the work", async () => {
  const stream = await client.chat.completions.create({
    ...{ model: "nano", messages: [{ role: "user", content: "Hi" }], temperature: 3, max_tokens: 400, stream: true },
  });
  for await (const _ of stream) break;
  const { choices } = await client.chat.completions.create({ model: "nano", messages: question, max_tokens: 2 });
  assert.equal(choices.length, 1);
});

Deno.test("openai: models", async () => {
  const ids = [];
  for await (const { id } of client.models.list()) ids.push(id);
  assert.deepEqual(ids, ["nano"]);
  assert.equal((await client.models.retrieve("nano")).object, "model");
  await assert.rejects(client.models.retrieve("gpt-4o"), OpenAI.NotFoundError);
});

Deno.test("openai: errors are its own classes, with code, param and request id", async () => {
  const bad = client.chat.completions.create({ model: "nano", messages: question, temperature: -1 });
  const error = await bad.catch((error) => error);
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.deepEqual([error.status, error.code, error.param, error.type], [
    ...[400, "invalid_value", "temperature", "invalid_request_error"],
  ]);
  assert.match(error.requestID!, /^[0-9a-f-]{36}$/);
  const streamed = client.chat.completions.create({ model: "nano", messages: [], stream: true });
  await assert.rejects(streamed, OpenAI.BadRequestError);
  const stranger = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

Deno.test("openai: an error in the middle of a stream is thrown by the iteration", async () => {
  const hasty = await startServer(["--timeout", "2", "--context", "2048", "--conversations", "1"]);
  // an answer that cannot end by itself before its time is over, on however fast a machine
  const schema = { type: "array", items: { type: "boolean" }, minItems: 1800 };
  const stream = await new OpenAI({ baseURL: `${hasty.url}/v1`, apiKey: "none", maxRetries: 0 }).chat.completions
    .create({
      ...{ model: "nano", messages: [{ role: "user", content: "Hi" }], max_tokens: 1800, stream: true },
      response_format: { type: "json_schema", json_schema: { name: "long", schema } },
    });
  let chunks = 0;
  const read = async () => {
    for await (const _ of stream) chunks++;
  };
  await assert.rejects(read(), (error) => error instanceof OpenAI.APIError && error.code === "timeout");
  assert.ok(chunks > 1);
  hasty.kill("SIGTERM");
  assert.equal((await hasty.ended).code, 0);
});

Deno.test("openai: the server ends", async () => {
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
});
