/**
 * The guarantee: the same model files, the same version of Loris, the same options of `load`, the same request: the same text,
 * the same reason of its end, the same numbers of tokens, to the byte,
 *
 * - on the builds `simd128` and `relaxed`, whatever processor and engine run them;
 * - whether caches are cold or hold the prompt, its beginning, or the picture's image tokens;
 * - alone, in a line, or computed together with any others, `conversations` being any number;
 * - streamed or not; after requests that failed, were aborted or left;
 * - greedy, and with a temperature where a seed is given.
 *
 * On one engine the log probabilities are the same as well; between engines their last bits may differ, for `Math.exp` is theirs.
 *
 * Not promised: the same between the CPU and a GPU, the build `plain`, other versions, other options of `load` that change
 * what is computed (`kv`, `lazy`, `visualTokens`, and `weights` or `memoryBudget` where they choose other formats of weights); a
 * temperature without a seed; tokens told as cached, ids and times.
 */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import type { ChatOptions, ChatResult, Message } from "../../sdk/chat.ts";
import { Random } from "../../sdk/generate/random.ts";
import type { LoadOptions } from "../../sdk/load.ts";
import { bmp, hardPicture } from "../image/pictures.ts";
import { all, CHAT, type Json, sseEvents, TestApp } from "../service/app.ts";
import { DOGS, MOUNTAIN, open } from "./model.ts";
import { openSmall } from "./small_model.ts";

type Open = (options: Partial<LoadOptions>) => Promise<Captioner>;
type Asked = readonly [messages: readonly Message[], options: ChatOptions];

const PICTURES = [bmp(40, 30, hardPicture(40, 30)), bmp(90, 64, hardPicture(90, 64))];
const user = (text: string, ...images: Uint8Array[]): Message => ({
  role: "user",
  content: [...images.map((image) => ({ type: "image" as const, image })), { type: "text", text }],
});
const assistant = (content: string): Message => ({ role: "assistant", content });
const schema = {
  type: "object",
  properties: { a: { type: "integer" }, b: { enum: ["x", "y"] } },
  required: ["a", "b"],
};

const REQUESTS: readonly Asked[] = [
  [[user("Tell me about a dog.")], { maxTokens: 24 }],
  [[user("Tell me about a dog.")], { maxTokens: 24, temperature: 1, seed: 5 }],
  [[user("Tell me about a cat.")], { maxTokens: 40, temperature: 3, seed: 7, topK: 50, topP: 0.95, minP: 0.01 }],
  [[user("Again and again.")], { maxTokens: 24, repetitionPenalty: 1.3 }],
  [[user("Describe this image.", PICTURES[0]!)], { maxTokens: 16, logprobs: true, topLogprobs: 4 }],
  [[user("Which is larger?", ...PICTURES)], { maxTokens: 16, temperature: 0.8, seed: 2 ** 40 }],
  [[user("Describe this image.", PICTURES[0]!), assistant("A pattern."), user("And this?", PICTURES[1]!)], {
    maxTokens: 16,
  }],
  [[user("In JSON."), assistant("Yes."), user("Go on.")], {
    maxTokens: 40,
    temperature: 1,
    seed: 3,
    responseFormat: { type: "json_schema", schema },
  }],
  [[{ role: "system", content: "Be brief. ".repeat(30) }, user("A long prompt.")], { maxTokens: 12, stop: [" e"] }],
];
const BUILDS = ["simd128", "relaxed"] as const;

/** All that is promised of an answer. */
function promised({ text, finishReason, logprobs, usage }: ChatResult): string {
  const { promptTokens, imageTokens, completionTokens } = usage;
  return JSON.stringify({
    text,
    finishReason,
    logprobs: logprobs ?? null,
    promptTokens,
    imageTokens,
    completionTokens,
  });
}

async function ask(captioner: Captioner, [messages, options]: Asked): Promise<string> {
  return promised(await captioner.chat(messages, options).result);
}

/** Each from a captioner of its own that has done nothing yet. */
async function coldAnswers(open: Open, requests: readonly Asked[], build: typeof BUILDS[number]): Promise<string[]> {
  const answers: string[] = [];
  for (const request of requests) answers.push(await ask(await open({ build, keptTiles: 0 }), request));
  return answers;
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list.map((value) => ({ value, at: random.uniform() })).sort((a, b) => a.at - b.at).map(({ value }) => value);
}

for (const type of ["Q8_0", "Q4_0"] as const) {
  const openType: Open = (options) => openSmall(options, type);
  const wanted = await coldAnswers(openType, REQUESTS, "simd128");

  Deno.test(`determinism, ${type}: the requests differ in their answers, or equal ones would show nothing`, () => {
    assert.equal(new Set(wanted).size, REQUESTS.length);
  });

  for (const build of BUILDS) {
    Deno.test(`determinism, ${type}, ${build}: cold caches, caches that hold the prompt, and what stands before it`, async () => {
      if (build === "relaxed") assert.deepEqual(await coldAnswers(openType, REQUESTS, build), wanted);
      const captioner = await openType({ build });
      const random = new Random(1);
      let cached = 0;
      for (let round = 0; round < 4; round++) {
        for (const index of shuffled([...REQUESTS.keys()], random)) {
          const [messages, options] = REQUESTS[index]!;
          const result = await captioner.chat(messages, options).result;
          cached += result.usage.cachedTokens;
          assert.equal(promised(result), wanted[index]);
        }
        // the same one again finds all of its prompt
        assert.equal(await ask(captioner, REQUESTS[round]!), wanted[round]);
        assert.equal(await ask(captioner, REQUESTS[round]!), wanted[round]);
      }
      assert.ok(cached > 100, "nothing was cached");
    });

    for (const conversations of [1, 3, 8]) {
      Deno.test(`determinism, ${type}, ${build}: all at once, ${conversations} computed together, in any order and company`, async () => {
        const captioner = await openType({ build, conversations });
        const random = new Random(conversations);
        for (let round = 0; round < 3; round++) {
          const order = shuffled([...REQUESTS.keys(), ...REQUESTS.keys()], random);
          const leaving = new AbortController();
          const lost = captioner.chat([user("Nobody waits for this.", PICTURES[1]!)], {
            signal: leaving.signal,
            temperature: 4,
            seed: round,
          });
          const gone = lost.result.catch(() => {});
          const answers = order.map((index) => ask(captioner, REQUESTS[index]!));
          const failing = captioner.chat([user("Too long.")], { maxTokens: 1e6 }).result.catch(() => {});
          await answers[0];
          leaving.abort();
          assert.deepEqual(await Promise.all(answers), order.map((index) => wanted[index]));
          await Promise.all([gone, failing]);
        }
      });
    }
  }

  Deno.test(`determinism, ${type}: streamed or not, by the SDK and by the service`, async () => {
    const captioner = await openType({ conversations: 2 });
    for (const [index, [messages, options]] of REQUESTS.entries()) {
      const answer = captioner.chat(messages, options);
      let text = "";
      for await (const piece of answer) text += piece;
      const result = await answer.result;
      assert.equal(text, result.text);
      assert.equal(promised(result), wanted[index]);
    }
    const app = new TestApp(captioner);
    const body = {
      messages: [{ role: "user", content: "Tell me about a cat." }],
      temperature: 3,
      seed: 7,
      max_tokens: 40,
      n: 2,
    };
    const bytes = async () => {
      const answer: Json = await (await app.chat(body)).json();
      return JSON.stringify({ ...answer, id: "", created: 0, usage: { ...answer.usage, prompt_tokens_details: null } });
    };
    assert.equal(await bytes(), await bytes());
    const { choices }: Json = await (await app.chat(body)).json();
    const texts = ["", ""];
    for (const event of await all(sseEvents(await app.post(CHAT, { ...body, stream: true })))) {
      if (event === "[DONE]") continue;
      const { index, delta } = JSON.parse(event).choices[0];
      texts[index] += delta.content ?? "";
    }
    assert.deepEqual(texts, choices.map(({ message }: Json) => message.content));
  });
}

Deno.test("determinism, the embedded model: both builds, cold and warm, alone and at once", async () => {
  const requests: readonly Asked[] = [
    [[user("Describe this image.", DOGS)], { maxTokens: 10 }],
    [[user("What objects are in this image?", MOUNTAIN)], { maxTokens: 8, temperature: 1, seed: 11 }],
    [[user("Tell me about a dog that swims.")], { maxTokens: 16, logprobs: true }],
  ];
  const wanted = await coldAnswers(open, requests.slice(0, 1), "simd128");
  const captioners = await Promise.all(BUILDS.map((build) => open({ build, conversations: 3 })));
  const [first, second] = [await Promise.all(requests.map((request) => ask(captioners[0]!, request))), [] as string[]];
  for (const request of requests) second.push(await ask(captioners[1]!, request));
  assert.equal(first[0], wanted[0]);
  assert.deepEqual(second, first);
  for (const captioner of captioners) {
    assert.deepEqual(await Promise.all(requests.map((r) => ask(captioner, r))), first);
  }
});
