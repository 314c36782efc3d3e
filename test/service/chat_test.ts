/** `POST /v1/chat/completions` without streaming: OpenAI's fields in, OpenAI's object out. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { chatCompletion } from "../../src/service/chat_schema.ts";
import { parseChat } from "../../src/service/chat_request.ts";
import { checkedOptions } from "../../src/service/options.ts";
import { DOGS, MOUNTAIN, open } from "../sdk/model.ts";
import { spied } from "../sdk/spy.ts";
import { base64, DOGS_URL, errorOf, type Json, picture, TestApp } from "./app.ts";

const captioner = await open({ contextTokens: 512, conversations: 2 });
const app = new TestApp(captioner, { modelId: "nano" });
const DOGS_TEXT = (await captioner.caption(DOGS).result).text.trim();

async function answer(body: Json): Promise<Json> {
  const response = await app.chat(body);
  const json = await response.json();
  assert.equal(response.status, 200, JSON.stringify(json));
  v.parse(chatCompletion, json);
  return json;
}

Deno.test("chat completions: a picture's caption in OpenAI's object, with usage, id and times", async () => {
  const response = await app.chat({ model: "nano", messages: [picture()] });
  const body = await response.json();
  assert.equal(response.headers.get("content-type"), "application/json");
  v.parse(chatCompletion, body);
  assert.match(body.id, /^chatcmpl-[0-9a-f]{32}$/);
  assert.equal(body.model, "nano");
  assert.ok(Math.abs(body.created - Date.now() / 1000) < 60);
  assert.deepEqual(body.choices, [{
    index: 0,
    message: { role: "assistant", content: DOGS_TEXT, refusal: null },
    logprobs: null,
    finish_reason: "stop",
  }]);
  const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = body.usage;
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
  assert.equal(prompt_tokens_details.image_tokens, 64);
  assert.match(response.headers.get("server-timing")!, /vision;dur=[\d.]+, prefill;dur=[\d.]+, decode;dur=[\d.]+/);
});

Deno.test("chat completions: data URLs in every legal spelling are the same picture", async () => {
  const data = base64(DOGS);
  const percent = Array.from(DOGS, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const spellings = [
    `data:image/jpeg;base64,${data}`,
    `DATA:IMAGE/JPEG;BASE64,${data}`,
    `data:image/jpeg;charset=utf-8;name="a b.jpg";base64,${data}`,
    `data:;base64,${data.replace(/=+$/, "")}`,
    `  data:image/jpeg;base64,${data.replaceAll("+", "%2B").replaceAll("=", "%3D")}\n`,
    `data:image/jpeg,${percent}`,
    `data:,${percent}`,
  ];
  for (const url of spellings) {
    const { choices } = await answer({ messages: [picture(url)], max_tokens: 24 });
    assert.equal(choices[0].message.content, DOGS_TEXT, url.slice(0, 60));
  }
});

Deno.test("chat completions: several pictures and turns, system and developer messages, detail", async () => {
  const mountain = `data:image/jpeg;base64,${base64(MOUNTAIN)}`;
  const messages = [
    { role: "system", content: "You are brief." },
    picture(DOGS_URL, "Is there a dog in this image?"),
    { role: "assistant", content: [{ type: "text", text: "Yes." }] },
    { role: "developer", content: "Look well." },
    picture(mountain, "What objects are in this image?"),
  ];
  const { usage, choices } = await answer({ messages, max_completion_tokens: 8 });
  assert.equal(usage.prompt_tokens_details.image_tokens, 128);
  assert.ok(choices[0].message.content.length > 1);
  for (const detail of ["low", "auto", "high", null]) {
    const message = { role: "user", content: [{ type: "image_url", image_url: { url: DOGS_URL, detail } }] };
    assert.equal((await answer({ messages: [message], max_tokens: 1 })).usage.prompt_tokens_details.image_tokens, 64);
  }
});

Deno.test("parseChat() hands on what the captioner knows, under its names", async () => {
  const url = (detail?: string) => ({ type: "image_url", image_url: { url: "data:,x", detail } });
  const parsed = await parseChat(
    {
      messages: [{ role: "developer", content: "Be brief." }, {
        role: "user",
        content: [url("high"), url("auto"), url()],
      }],
      ...{ temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.1, repetition_penalty: 1.2, seed: -1, stop: "x" },
      ...{ max_tokens: 7, n: 2, stream: true, stream_options: { include_usage: true } },
    },
    checkedOptions({ maxTiles: 5 }),
    (_, param) => Promise.resolve(new URL(`data:,${param}`)),
  );
  const image = (i: number, detail: string) => ({
    type: "image",
    image: new URL(`data:,messages[1].content[${i}].image_url.url`),
    detail,
  });
  assert.deepEqual(parsed, {
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [image(0, "high"), image(1, "low"), image(2, "low")] },
    ],
    options: {
      ...{ temperature: 0.5, topP: 0.9, topK: 40, minP: 0.1, repetitionPenalty: 1.2, seed: 2 ** 53 - 1, stop: ["x"] },
      ...{ maxTokens: 7, maxTiles: 5 },
    },
    ...{ choices: 2, stream: true, includeUsage: true },
  });
});

Deno.test("chat completions: a prompt or an answer that does not fit the context is refused with the numbers", async () => {
  const long = { messages: [{ role: "user", content: "word ".repeat(600) }] };
  const error = await errorOf(await app.chat(long), 400, "context_length_exceeded", "messages");
  assert.match(error.message, /the context has 512/);
  await errorOf(await app.chat({ messages: [picture()], max_tokens: 500 }), 400, "context_length_exceeded");
});

Deno.test("chat completions: max_completion_tokens goes before max_tokens; stop is a text or a list", async () => {
  const cut = await answer({ messages: [picture()], max_tokens: 9, max_completion_tokens: 3 });
  assert.deepEqual([cut.choices[0].finish_reason, cut.usage.completion_tokens], ["length", 3]);
  assert.equal((await answer({ messages: [picture()], max_tokens: 4 })).usage.completion_tokens, 4);
  const word = DOGS_TEXT.split(" ")[3]!;
  for (const stop of [word, ["no such word", word]]) {
    const { choices: [choice] } = await answer({ messages: [picture()], stop });
    assert.equal(choice.finish_reason, "stop");
    assert.equal(choice.message.content, DOGS_TEXT.slice(0, DOGS_TEXT.indexOf(word)));
  }
});

Deno.test("chat completions: seed repeats, negative ones too; n choices have seeds that follow each other", async () => {
  const ask = async (more: Json) =>
    (await answer({ messages: [picture()], temperature: 1.5, max_tokens: 8, ...more })).choices
      .map(({ message }: Json) => message.content) as string[];
  const [first, second, third] = await ask({ seed: 5, n: 3 });
  assert.ok(new Set([first, second, third]).size > 1);
  assert.deepEqual([await ask({ seed: 5 }), await ask({ seed: 6 }), await ask({ seed: 7 })], [[first], [second], [
    third,
  ]]);
  assert.deepEqual(await ask({ seed: -3 }), await ask({ seed: -3 }));
  assert.ok(new Set(await ask({ n: 6 })).size > 1, "without a seed choices are drawn apart");
});

Deno.test("chat completions: n choices look at the picture once and compute the prompt once", async () => {
  const fresh = new TestApp(await open({ contextTokens: 512, keptTiles: 0 }));
  let tiles = 0;
  let rows = 0;
  const body = await spied((operation, args) => {
    if (operation === "patches") tiles++;
    if (operation === "embed") rows += args[3]!;
  }, async () => await (await fresh.chat({ messages: [picture()], n: 3, temperature: 1, max_tokens: 4 })).json());
  assert.equal(tiles, 1);
  const { prompt_tokens, completion_tokens, prompt_tokens_details } = body.usage;
  assert.equal(prompt_tokens_details.cached_tokens, 0);
  // one row for each token of text, once; one more for each later choice, whose last prompt token gives the first logits
  assert.ok(rows <= prompt_tokens - 64 + completion_tokens + 3, `${rows} rows`);
});

Deno.test("chat completions: a follow-up question finds the turn before in the cache", async () => {
  const first = await answer({ messages: [picture()], max_tokens: 8 });
  const messages = [
    picture(),
    { role: "assistant", content: first.choices[0].message.content },
    { role: "user", content: "Is there a dog?" },
  ];
  const { usage } = await answer({ messages, max_tokens: 2 });
  assert.ok(usage.prompt_tokens_details.cached_tokens > 64, JSON.stringify(usage));
});

Deno.test("chat completions: unknown fields, and known ones that ask for nothing, are ignored", async () => {
  const { choices } = await answer({
    messages: [{ ...picture(), name: "somebody" }],
    max_tokens: 24,
    ...{ user: "u", metadata: { a: "b" }, service_tier: "auto", store: false, no_such_field: [1], logit_bias: {} },
    ...{
      frequency_penalty: 0,
      presence_penalty: 0,
      tools: [],
      tool_choice: "none",
      modalities: ["text"],
      logprobs: false,
    },
    ...{ response_format: { type: "text" }, seed: null, stop: null, temperature: null, top_logprobs: null, n: null },
    ...{ top_p: 0, top_k: 0, min_p: 0, repetition_penalty: 1, stream: false, stream_options: null, model: null },
  });
  assert.equal(choices[0].message.content, DOGS_TEXT);
});

Deno.test("chat completions: what is known and not supported is named", async () => {
  const fields: [string, unknown][] = [
    ["audio", { voice: "alloy" }],
    ["frequency_penalty", 0.5],
    ["functions", [{ name: "f" }]],
    ["function_call", { name: "f" }],
    ["logit_bias", { 50: 1 }],
    ["modalities", ["text", "audio"]],
    ["presence_penalty", 1],
    ["reasoning_effort", "high"],
    ["store", true],
    ["tool_choice", "required"],
    ["tools", [{ type: "function", function: { name: "f" } }]],
    ["web_search_options", {}],
  ];
  for (const [name, value] of fields) {
    const { message } = await errorOf(
      await app.chat({ messages: [picture()], [name]: value }),
      400,
      "unsupported_parameter",
      name,
    );
    assert.match(message, new RegExp(name));
  }
  const messages: [Json, string][] = [
    [{ role: "tool", content: "x", tool_call_id: "1" }, "messages[0].role"],
    [{ role: "assistant", content: null, tool_calls: [{}] }, "messages[0].tool_calls"],
    [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }, "messages[0].content[0].type"],
    [
      { role: "user", content: [{ type: "text", text: "a" }, { type: "file", file: {} }] },
      "messages[0].content[1].type",
    ],
  ];
  for (const [message, param] of messages) {
    await errorOf(await app.chat({ messages: [message] }), 400, "unsupported_parameter", param);
  }
});

Deno.test("chat completions: a field that is not as wanted is named, whatever it holds", async () => {
  const good = [{ role: "user", content: "Hello" }];
  const bad: [Json, string | null, string?][] = [
    [null, null],
    ['"text"', null],
    [[], "messages", "missing_required_parameter"],
    [{}, "messages", "missing_required_parameter"],
    [{ messages: [] }, "messages"],
    [{ messages: "hello" }, "messages"],
    [{ messages: [null] }, "messages[0]"],
    [{ messages: [{ role: "user" }] }, "messages[0].content", "missing_required_parameter"],
    [{ messages: [{ content: "x" }] }, "messages[0].role", "missing_required_parameter"],
    [{ messages: [...good, { role: "pirate", content: "x" }] }, "messages[1].role"],
    [{ messages: [{ role: "user", content: 5 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [] }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [{ type: "video" }] }] }, "messages[0].content[0].type"],
    [{ messages: [{ role: "user", content: [{ type: "text", text: 5 }] }] }, "messages[0].content[0].text"],
    [
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      "messages[0].content[0].image_url",
      "missing_required_parameter",
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
      "messages[0].content[0].image_url.url",
      "missing_required_parameter",
    ],
    [
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: DOGS_URL, detail: "huge" } }] }] },
      "messages[0].content[0].image_url.detail",
    ],
    [
      { messages: [{ role: "system", content: [{ type: "image_url", image_url: { url: DOGS_URL } }] }] },
      "messages[0].content[0].type",
    ],
    [{ messages: good, temperature: -1 }, "temperature"],
    [{ messages: good, temperature: "hot" }, "temperature"],
    [{ messages: good, top_p: 1.1 }, "top_p"],
    [{ messages: good, top_k: -1 }, "top_k"],
    [{ messages: good, min_p: 2 }, "min_p"],
    [{ messages: good, repetition_penalty: 0 }, "repetition_penalty"],
    [{ messages: good, max_tokens: 0 }, "max_tokens"],
    [{ messages: good, max_completion_tokens: 1.5 }, "max_completion_tokens"],
    [{ messages: good, seed: 1.5 }, "seed"],
    [{ messages: good, seed: 1e300 }, "seed"],
    [{ messages: good, n: 0 }, "n"],
    [{ messages: good, n: 9 }, "n"],
    [{ messages: good, stop: "" }, "stop"],
    [{ messages: good, stop: [5] }, "stop[0]"],
    [{ messages: good, stop: Array(17).fill("x") }, "stop"],
    [{ messages: good, stream: "yes" }, "stream"],
    [{ messages: good, stream_options: { include_usage: true } }, "stream_options"],
    [{ messages: good, stream: true, stream_options: { include_usage: 1 } }, "stream_options.include_usage"],
    [{ messages: good, model: 5 }, "model"],
  ];
  for (const [body, param, code = "invalid_value"] of bad) {
    const { type } = await errorOf(await app.chat(body), 400, code, param);
    assert.equal(type, "invalid_request_error");
  }
  await errorOf(await app.chat("{"), 400, "invalid_json", null);
  await errorOf(
    await app.chat(new Uint8Array([0x22, 0xff, 0x22]) as Json, { body: new Uint8Array([0x22, 0xff, 0x22]) }),
    400,
    "invalid_json",
  );
  for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
    await errorOf(
      await app.chat({ messages: good }, { headers: { "content-type": type } }),
      415,
      "unsupported_media_type",
    );
  }
});

Deno.test("chat completions: pictures that are none are refused with their field or by name", async () => {
  const url = "messages[0].content[0].image_url.url";
  const bad: [string, number, string, string | null][] = [
    ["https://example.com/a.jpg", 400, "remote_image_refused", url],
    ["http://example.com/a.jpg", 400, "remote_image_refused", url],
    ["file:///etc/passwd", 400, "invalid_value", url],
    ["blob:abc", 400, "invalid_value", url],
    ["/9j/4AAQSkZJRg", 400, "invalid_value", url],
    ["", 400, "invalid_value", url],
    ["data:image/jpeg;base64", 400, "image_invalid", url],
    ["data:image/jpeg;base64,@@@@", 400, "image_invalid", url],
    ["data:image/jpeg;base64,", 400, "image_invalid", url],
    [`data:image/jpeg;base64,${btoa("not a picture at all")}`, 400, "image_invalid", null],
    [
      `data:image/svg+xml,${encodeURIComponent("<svg xmlns='http://www.w3.org/2000/svg'/>")}`,
      415,
      "image_unsupported",
      null,
    ],
    [`data:image/jpeg;base64,${base64(DOGS.subarray(0, 400))}`, 400, "image_invalid", null],
  ];
  for (const [given, status, code, param] of bad) {
    await errorOf(await app.chat({ messages: [picture(given)] }), status, code, param);
  }
});

Deno.test("chat completions: limits of pictures hold: their number, bytes and the body's", async () => {
  const small = new TestApp(captioner, { maxImages: 2, maxImageBytes: DOGS.length - 1, maxBodyBytes: 200_000 });
  const content = Array.from({ length: 3 }, () => picture("data:,x").content[0]);
  await errorOf(await small.chat({ messages: [{ role: "user", content }] }), 400, "invalid_value", "messages");
  await errorOf(
    await small.chat({ messages: [picture()] }),
    413,
    "image_too_large",
    "messages[0].content[0].image_url.url",
  );
  const { message } = await errorOf(
    await small.chat({ messages: [{ role: "user", content: "x".repeat(200_000) }] }),
    413,
    "body_too_large",
    null,
  );
  assert.match(message, /allowed are 200000/);
});

Deno.test("a model of another name is answered, and refused where that is asked for", async () => {
  const messages = [{ role: "user", content: "Hello" }];
  assert.equal((await answer({ model: "gpt-4o", messages, max_tokens: 2 })).model, "nano");
  const strict = new TestApp(captioner, { modelId: "nano", acceptAnyModel: false });
  await errorOf(await strict.chat({ model: "gpt-4o", messages }), 404, "model_not_found", "model");
  assert.equal((await strict.chat({ model: "nano", messages, max_tokens: 1 })).status, 200);
  assert.equal((await strict.chat({ messages, max_tokens: 1 })).status, 200);
});
