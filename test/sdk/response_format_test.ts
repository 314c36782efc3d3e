/** Answers held to JSON, and log probabilities, through the real model. */
import assert from "node:assert/strict";
import type { ChatOptions } from "../../sdk/chat.ts";
import type { Delta } from "../../sdk/generate/token_log.ts";
import type { JsonSchema, ResponseFormat } from "../../sdk/generate/response_format.ts";
import { DOGS, MOUNTAIN, open, rejection } from "./model.ts";
import { spied } from "./spy.ts";

const captioner = await open({ contextTokens: 512, conversations: 3 });
const json = (schema: JsonSchema): ResponseFormat => ({ type: "json_schema", schema });
const SCHEMA = {
  type: "object",
  properties: {
    description: { type: "string", minLength: 5, maxLength: 40 },
    animals: { type: "array", items: { enum: ["dog", "cat", "Bär"] }, maxItems: 3 },
    count: { type: "integer", minimum: 0, maximum: 9 },
    outdoors: { type: "boolean" },
  },
  required: ["description", "animals", "count", "outdoors"],
};

/** What the schema says, in plain words. */
function assertMatches(text: string): void {
  const value = JSON.parse(text);
  assert.deepEqual(Object.keys(value), ["description", "animals", "count", "outdoors"]);
  const length = [...value.description].length;
  assert.ok(length >= 5 && length <= 40, text);
  assert.ok(value.animals.length <= 3 && value.animals.every((a: string) => ["dog", "cat", "Bär"].includes(a)), text);
  assert.ok(Number.isInteger(value.count) && value.count >= 0 && value.count <= 9, text);
  assert.equal(typeof value.outdoors, "boolean");
}

async function collect(image: Uint8Array, options: ChatOptions) {
  const answer = captioner.caption(image, options);
  const deltas: Delta[] = [];
  for await (const delta of answer.deltas()) deltas.push(delta);
  return { deltas, result: await answer.result };
}

Deno.test("responseFormat json_schema: a picture's answer is JSON of the schema at any temperature, streamed", async () => {
  for (const temperature of [0, 1, 2, 3]) {
    const responseFormat = json(SCHEMA);
    const { deltas, result } = await collect(DOGS, { responseFormat, temperature, seed: temperature, maxTokens: 200 });
    assert.equal(deltas.map(({ text }) => text).join(""), result.text);
    assert.ok(deltas.length > 5);
    assert.equal(result.finishReason, "stop");
    assertMatches(result.text);
  }
});

Deno.test("responseFormat: several requests at once, each with its own, answer as alone", async () => {
  const all: readonly ChatOptions[] = [
    { responseFormat: json(SCHEMA), temperature: 2, seed: 1, maxTokens: 120 },
    { responseFormat: json({ enum: ["yes", "no", "maybe"] }), temperature: 1.5, seed: 2 },
    { maxTokens: 10 },
    { responseFormat: { type: "text" }, maxTokens: 10 },
    {
      responseFormat: json({ type: "array", items: { type: "number" }, minItems: 3, maxItems: 3 }),
      temperature: 1,
      seed: 3,
    },
  ];
  const alone: string[] = [];
  for (const options of all) alone.push((await captioner.caption(MOUNTAIN, options).result).text);
  const together = await Promise.all(all.map((options) => captioner.caption(MOUNTAIN, options).result));
  assert.deepEqual(together.map(({ text }) => text), alone);
  assertMatches(alone[0]!);
  assert.ok(["yes", "no", "maybe"].includes(JSON.parse(alone[1]!)));
  assert.equal(alone[2], alone[3]);
  assert.equal(JSON.parse(alone[4]!).length, 3);
});

Deno.test("responseFormat json_object: an object, whatever is in it", async () => {
  let whole = 0;
  for (let seed = 0; seed < 6; seed++) {
    const { text, finishReason } = await captioner.caption(DOGS, {
      ...{ responseFormat: { type: "json_object" }, temperature: 1 + seed % 3, seed, maxTokens: 60 },
    }).result;
    if (finishReason === "length") continue;
    const value = JSON.parse(text);
    assert.ok(typeof value === "object" && value !== null && !Array.isArray(value), text);
    whole++;
  }
  assert.ok(whole > 0);
});

Deno.test("responseFormat: no penalty brings back a token that may not follow", async () => {
  const want = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  for (const repetitionPenalty of [1e-39, 2]) {
    for (const seed of [1, 2, 3]) {
      // so small a penalty makes the least logit there is an ordinary one
      const how = { repetitionPenalty, temperature: 100, seed };
      const { text } = await captioner.caption(DOGS, { responseFormat: json({ const: want }), ...how }).result;
      assert.deepEqual(JSON.parse(text), want);
    }
  }
});

Deno.test("responseFormat: maxTokens cuts JSON with length, a stop string with stop; a value's end costs no token", async () => {
  const cut = await captioner.caption(DOGS, { responseFormat: json(SCHEMA), maxTokens: 6 }).result;
  assert.deepEqual([cut.finishReason, cut.usage.completionTokens], ["length", 6]);
  assert.ok(cut.text.startsWith('{"description'), cut.text);
  const stopped = await captioner.caption(DOGS, { responseFormat: json(SCHEMA), stop: ["animals"] }).result;
  assert.ok(stopped.finishReason === "stop" && stopped.text.endsWith('"'), stopped.text);
  const one = await captioner.caption(DOGS, { responseFormat: json({ const: 7 }), maxTokens: 1 }).result;
  assert.deepEqual([one.text, one.finishReason, one.usage.completionTokens], ["7", "stop", 1]);
  // a number may go on, so that its end is a token
  const number = await captioner.caption(DOGS, { responseFormat: json({ type: "integer" }), temperature: 0 }).result;
  assert.ok(Number.isSafeInteger(JSON.parse(number.text)), number.text);
});

Deno.test("responseFormat: what is no format, and schemas that cannot be enforced, are refused before any work", async () => {
  const circle: Record<string, unknown> = {};
  circle.properties = circle;
  const bad: readonly [unknown, RegExp][] = [
    [null, /must be/],
    ["json", /must be/],
    [{ type: "xml" }, /its type is xml/],
    [{ type: "json_schema" }, /has no schema/],
    [json(circle), /not JSON/],
    [json({ enum: [1n] }), /not JSON/],
    [json({ description: "x".repeat(1 << 16) }), /characters, at most/],
    [json({ not: {} }), /"not" is not supported/],
    [json({ type: "string", pattern: "(?!a)" }), /"pattern" cannot be enforced: look-around/],
    [json(false), /no value/],
  ];
  await spied((operation) => assert.fail(`${operation} was computed`), async () => {
    for (const [responseFormat, message] of bad) {
      const error = await rejection(
        captioner.caption(DOGS, { responseFormat: responseFormat as ResponseFormat }).result,
      );
      assert.deepEqual([error.code, error.param], ["argument_invalid", "responseFormat"], error.message);
      assert.match(error.message, message);
    }
  });
});

Deno.test("responseFormat: a schema that becomes too ambiguous ends its own answer with an error", async () => {
  const level = (inner: unknown) => ({ type: "object", properties: { a: inner }, required: ["a"] });
  const $defs: Record<string, unknown> = { 0: { type: "null" } };
  for (let i = 1; i <= 12; i++) {
    const one = level({ $ref: `#/$defs/${i - 1}` });
    $defs[i] = { anyOf: [one, { ...one, additionalProperties: { type: "null" } }] };
  }
  const [ambiguous, other] = await Promise.allSettled([
    captioner.caption(DOGS, { responseFormat: json({ $defs, $ref: "#/$defs/12" }), maxTokens: 100 }).result,
    captioner.caption(MOUNTAIN, { maxTokens: 12 }).result,
  ]);
  assert.equal(other.status, "fulfilled");
  assert.ok(ambiguous.status === "rejected");
  assert.deepEqual([ambiguous.reason.code, ambiguous.reason.param], ["argument_invalid", "responseFormat"]);
  assert.match(ambiguous.reason.message, /the schema (has more than 1024 alternatives at once|takes too much work)/);
});

Deno.test("logprobs: each token of the text with its probability, in deltas and result alike", async () => {
  const { deltas, result } = await collect(DOGS, { logprobs: true, topLogprobs: 4 });
  const { logprobs, text, usage } = result;
  assert.deepEqual(deltas.flatMap(({ tokens }) => tokens), logprobs);
  assert.equal(logprobs!.map(({ token }) => token).join(""), text);
  // the token that ended it is none of the text
  assert.equal(logprobs!.length, usage.completionTokens - 1);
  for (const { token, logprob, topLogprobs } of logprobs!) {
    // greedy takes the first
    assert.deepEqual([topLogprobs[0]!.token, topLogprobs[0]!.logprob], [token, logprob]);
    assert.equal(topLogprobs.length, 4);
    assert.ok(topLogprobs.every((top, i) => i === 0 || top.logprob <= topLogprobs[i - 1]!.logprob));
    const together = topLogprobs.reduce((sum, top) => sum + Math.exp(top.logprob), 0);
    assert.ok(together > 0 && together <= 1 + 1e-9, `${together}`);
  }
  const plain = await captioner.caption(DOGS).result;
  assert.equal(plain.text, text);
  assert.ok(!("logprobs" in plain));
});

Deno.test("logprobs do not depend on temperature or format: the same first place has the same probabilities", async () => {
  const first = async (options: ChatOptions) =>
    (await captioner.caption(DOGS, { ...options, logprobs: true, topLogprobs: 5, maxTokens: 1 }).result).logprobs![0]!;
  const want = (await first({})).topLogprobs;
  const held = await first({ responseFormat: { type: "json_object" } });
  assert.deepEqual((await first({ temperature: 2, repetitionPenalty: 1.5, topK: 3, seed: 1 })).topLogprobs, want);
  assert.deepEqual(held.topLogprobs, want);
  assert.ok(held.logprob < want[0]!.logprob);
});

Deno.test("logprobs: the tokens before a stop string come, those of it do not", async () => {
  const whole = await captioner.caption(DOGS, { logprobs: true }).result;
  const words = whole.text.trim().split(" ");
  const stop = [`${words[3]} ${words[4]}`];
  const { deltas, result } = await collect(DOGS, { logprobs: true, stop });
  assert.equal(result.finishReason, "stop");
  assert.equal(result.text, whole.text.slice(0, whole.text.indexOf(stop[0]!)));
  assert.deepEqual(deltas.flatMap(({ tokens }) => tokens), result.logprobs);
  const joined = result.logprobs!.map(({ token }) => token).join("");
  assert.ok(joined.startsWith(result.text) && !joined.includes(words[4]!), joined);
});

Deno.test("the same prompt under several seeds is computed once: all but its last token is in the cache", async () => {
  const fresh = await open({ contextTokens: 512 });
  for (const [i, seed] of [5, 6, 7].entries()) {
    const { usage } = await fresh.caption(DOGS, { temperature: 1.5, seed, maxTokens: 8 }).result;
    assert.equal(usage.cachedTokens, i === 0 ? 0 : usage.promptTokens - 1);
  }
});
