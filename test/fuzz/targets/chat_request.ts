/** Bodies of `POST /v1/chat/completions`: read whole and as documented, or refused with the field that is at fault. */
import assert from "node:assert/strict";
import { parseJson } from "../../../src/service/body.ts";
import { parseChat } from "../../../src/service/chat_request.ts";
import { imageAt } from "../../../src/service/images.ts";
import { checkedOptions } from "../../../src/service/options.ts";
import { jsonSeed, jsonText } from "../json_taker.ts";
import { orRefusal, type Target } from "../target.ts";

const KEYS =
  ("model messages role content type text image_url url detail max_tokens max_completion_tokens temperature " +
    "top_p top_k min_p repetition_penalty seed stop n stream stream_options include_usage logprobs top_logprobs " +
    "response_format json_schema name schema strict tools logit_bias modalities audio __proto__ constructor").split(
      " ",
    );
const TEXTS = ("user system assistant developer tool text image_url json_object json_schema high low auto loris " +
  "data:image/png;base64,QUJD https://example.com/a.png input_audio").split(" ");
const settings = checkedOptions({ modelId: "loris", acceptAnyModel: false, maxImages: 2, maxImageBytes: 64 });
const never = new AbortController().signal;

const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
const image = (url: string, detail?: string) => ({ type: "image_url", image_url: { url, detail } });
const text = (text: string) => ({ type: "text", text });

export const target: Target = {
  seeds: [
    user("Hello"),
    user([image("data:image/png;base64,QUJD", "high"), text("What is it?")]),
    {
      model: "loris",
      ...user([text("a")]),
      max_tokens: 5,
      temperature: 0.5,
      top_p: 0,
      seed: -3,
      stop: ["a", "b"],
      n: 2,
    },
    { ...user("a"), stream: true, stream_options: { include_usage: true }, logprobs: true, top_logprobs: 3 },
    {
      messages: [{ role: "system", content: "s" }, { role: "user", content: "u" }, {
        role: "assistant",
        content: [text("x")],
      }],
      response_format: { type: "json_schema", json_schema: { name: "n", schema: { type: "object" }, strict: true } },
      ...{ top_k: 3, min_p: 0.1, repetition_penalty: 1.5, stop: "x", max_completion_tokens: 9 },
    },
    { ...user("a"), tools: [], logit_bias: {}, tool_choice: "none", presence_penalty: 0, modalities: ["text"] },
  ].map(jsonSeed),
  words: [...KEYS, ...TEXTS].map((word) => JSON.stringify(word)),
  maxBytes: 1024,
  async run(input) {
    const chat = await orRefusal(async () => {
      const body = parseJson(jsonText(input, KEYS, TEXTS).slice());
      return await parseChat(body, settings, (url, param) => imageAt(url, settings, never, param));
    });
    if (!chat) return;
    const { messages, options, choices } = chat;
    assert.ok(messages.length > 0 && choices >= 1 && choices <= settings.maxChoices);
    for (const { role, content } of messages) {
      assert.ok(["user", "assistant", "system"].includes(role));
      if (typeof content === "string") continue;
      for (const part of content) assert.ok(part.type === "text" || part.image instanceof Uint8Array);
    }
    assert.ok(options.seed === undefined || (Number.isSafeInteger(options.seed) && options.seed >= 0));
  },
};
