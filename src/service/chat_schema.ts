import * as v from "valibot";

/** What `POST /v1/chat/completions` takes, in OpenAI's form. Fields that are not here are ignored, or named as unsupported. */

const text = v.object({ type: v.literal("text"), text: v.string() });
const image = v.object({
  type: v.literal("image_url"),
  image_url: v.object({
    url: v.pipe(v.string(), v.description("A data: URL; an https: URL only where the service allows its host.")),
    detail: v.nullish(v.pipe(
      v.picklist(["auto", "low", "high"]),
      v.description("low (and auto): one tile for the whole picture; high: the model's tiling."),
    )),
  }),
});
const texts = v.pipe(v.array(text), v.minLength(1));
const parts = v.pipe(v.array(v.variant("type", [text, image])), v.minLength(1));
const message = v.variant("role", [
  v.object({ role: v.picklist(["system", "developer"]), content: v.union([v.string(), texts]) }),
  v.object({ role: v.literal("user"), content: v.union([v.string(), parts]) }),
  v.object({ role: v.literal("assistant"), content: v.union([v.string(), texts]) }),
]);

const whole = (min: number, max = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max));
const number = (min: number, max: number) => v.pipe(v.number(), v.minValue(min), v.maxValue(max));
const stopString = v.pipe(v.string(), v.minLength(1));

/** Sampling and length; what `/caption` takes as well. */
export const samplingEntries = {
  max_tokens: v.nullish(v.pipe(whole(1), v.description("The most tokens of an answer."))),
  temperature: v.nullish(v.pipe(number(0, 100), v.description("0, the default, takes the most probable token."))),
  top_p: v.nullish(number(0, 1)),
  seed: v.nullish(v.pipe(
    whole(Number.MIN_SAFE_INTEGER),
    v.description("Equal seeds give equal answers."),
  )),
};

export const chatRequest = v.object({
  model: v.nullish(v.string()),
  messages: v.pipe(v.array(message), v.minLength(1)),
  ...samplingEntries,
  max_completion_tokens: v.nullish(v.pipe(whole(1), v.description("Goes before max_tokens."))),
  top_k: v.nullish(v.pipe(whole(0), v.description("0 keeps all."))),
  min_p: v.nullish(number(0, 1)),
  repetition_penalty: v.nullish(number(0.01, 100)),
  stop: v.nullish(v.union([stopString, v.pipe(v.array(stopString), v.maxLength(16))])),
  n: v.nullish(v.pipe(whole(1), v.description("Answers to the same prompt, with seeds that follow each other."))),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.object({ include_usage: v.nullish(v.boolean()) })),
  logprobs: v.nullish(v.boolean()),
  top_logprobs: v.nullish(whole(0, 20)),
  response_format: v.nullish(v.variant("type", [
    v.object({ type: v.literal("text") }),
    v.object({ type: v.literal("json_object") }),
    v.object({
      type: v.literal("json_schema"),
      json_schema: v.object({
        name: v.string(),
        description: v.nullish(v.string()),
        schema: v.pipe(
          v.nullish(v.record(v.string(), v.unknown())),
          v.description("Keywords that cannot be enforced are refused by name; without a schema any JSON is right."),
        ),
        strict: v.nullish(v.boolean()),
      }),
    }),
  ])),
});

export type ChatRequest = v.InferOutput<typeof chatRequest>;
export type ChatRequestMessage = ChatRequest["messages"][number];

export const usage = v.object({
  prompt_tokens: v.number(),
  completion_tokens: v.number(),
  total_tokens: v.number(),
  prompt_tokens_details: v.object({
    cached_tokens: v.pipe(v.number(), v.description("Tokens that an earlier request had left computed.")),
    image_tokens: v.number(),
  }),
});

const finishReason = v.picklist(["stop", "length"]);
const head = { id: v.string(), created: v.number(), model: v.string(), system_fingerprint: v.string() };

const probability = { token: v.string(), logprob: v.number(), bytes: v.array(v.number()) };
const logprobs = v.nullable(v.object({
  content: v.array(v.object({ ...probability, top_logprobs: v.array(v.object(probability)) })),
  refusal: v.null(),
}));

export const chatCompletion = v.object({
  ...head,
  object: v.literal("chat.completion"),
  choices: v.array(v.object({
    index: v.number(),
    message: v.object({ role: v.literal("assistant"), content: v.string(), refusal: v.null() }),
    logprobs,
    finish_reason: finishReason,
  })),
  usage,
});

export const chatCompletionChunk = v.object({
  ...head,
  object: v.literal("chat.completion.chunk"),
  choices: v.array(v.object({
    index: v.number(),
    delta: v.object({ role: v.optional(v.literal("assistant")), content: v.optional(v.string()) }),
    logprobs,
    finish_reason: v.nullable(finishReason),
  })),
  usage: v.optional(v.nullable(usage)),
});
