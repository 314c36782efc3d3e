/** Requests that are right, of every kind that the service answers, by a seed. */
import { Buffer } from "node:buffer";
import type { Random } from "../../sdk/generate/random.ts";
import { bmp, hardPicture } from "../image/pictures.ts";
import { largePhoto } from "../bench/memory/large_photo.ts";
import { CHAT, type Json } from "../service/app.ts";

/** A request that is answered, and always with the same words. */
export interface Question {
  readonly kind: string;
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The same question without a stream, whose answer must be equal. */
  readonly alone: Uint8Array<ArrayBuffer>;
  /** True if the answer is held to a JSON schema. */
  readonly json: boolean;
}

/** What the server is loaded with: a prompt and its answer fit. */
export const CONTEXT_TOKENS = 512;

const WORDS = [
  "dog",
  "Wald",
  "<|im_end|>",
  "<image>",
  "naïve",
  "犬",
  "🐕",
  "</s>",
  "one two",
  "\n",
  "{}",
  "User:",
  "a",
];
const SCHEMAS: readonly Json[] = [
  {
    type: "object",
    properties: { answer: { enum: ["yes", "no", "<|im_end|>"] }, sure: { type: "boolean" } },
    ...{ required: ["answer", "sure"], additionalProperties: false },
  },
  { type: "array", items: { type: "integer", minimum: 0, maximum: 99 }, minItems: 2, maxItems: 4 },
  { type: "object", properties: { title: { type: "string", maxLength: 12 } }, required: ["title"] },
];
const encoder = new TextEncoder();

/** Chooses with one generator; every choice is the seed's. */
export class Chooser {
  readonly random: Random;

  constructor(random: Random) {
    this.random = random;
  }

  /** A whole number below `count`. */
  below(count: number): number {
    return Math.floor(this.random.uniform() * count);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  words(): string {
    return Array.from({ length: 1 + this.below(12) }, () => this.of(WORDS)).join(" ");
  }

  /** A small picture that is like no other: a BMP or PNG. */
  picture(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string } {
    const [width, height] = [8 + this.below(60), 8 + this.below(60)];
    if (this.below(2) === 0) return { bytes: largePhoto(width * 4, height * 4), type: "image/png" };
    const rgb = hardPicture(width, height);
    for (let i = 0; i < 32; i++) rgb[this.below(rgb.length)] = this.below(256);
    return { bytes: bmp(width, height, rgb) as Uint8Array<ArrayBuffer>, type: "image/bmp" };
  }
}

type Make = (choose: Chooser) => Question;

const KINDS: readonly (readonly [weight: number, make: Make])[] = [
  [5, (choose) => chat("text", { ...said(choose.words()), ...length(choose) })],
  [4, (choose) => chat("sampled text", { ...said(choose.words()), ...length(choose), ...sampling(choose) })],
  [3, (choose) => chat("conversation", { messages: conversation(choose), ...length(choose) })],
  [4, (choose) => chat("picture", { messages: [looked(choose)], ...length(choose) })],
  [
    4,
    (choose) =>
      chat("text, streamed", { ...said(choose.words()), ...sampling(choose), ...length(choose), stream: true }),
  ],
  [3, (choose) => chat("picture, streamed", { messages: [looked(choose)], ...length(choose), stream: true })],
  [3, (choose) => chat("JSON", { ...schema(choose), stream: choose.below(2) === 0 })],
  [
    2,
    (choose) =>
      chat("log probabilities", { ...said(choose.words()), ...length(choose), logprobs: true, top_logprobs: 3 }),
  ],
  [
    2,
    (choose) =>
      chat("choices", {
        ...said(choose.words()),
        ...sampling(choose),
        max_tokens: 6,
        n: 2,
        stream: choose.below(2) === 0,
      }),
  ],
  [4, rawCaption],
  [2, formCaption],
  [2, jsonCaption],
];
const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0);

/** One question of any kind. */
export function question(choose: Chooser): Question {
  let at = choose.below(TOTAL);
  for (const [weight, make] of KINDS) {
    if (at < weight) return make(choose);
    at -= weight;
  }
  throw new RangeError("weights do not add up");
}

function chat(kind: string, body: Json): Question {
  const bytes = (value: Json) => encoder.encode(JSON.stringify(value));
  return {
    ...{ kind, path: CHAT, type: "application/json" },
    body: bytes(body.stream ? { ...body, stream_options: { include_usage: true } } : body),
    alone: bytes({ ...body, stream: false }),
    json: body.response_format !== undefined,
  };
}

const said = (content: string) => ({ messages: [{ role: "user", content }] });
const length = (choose: Chooser) => ({ max_tokens: 1 + choose.below(16) });
const sampling = (choose: Chooser) => ({
  ...{ temperature: choose.of([0.7, 1.5, 4]), seed: choose.below(2 ** 31), top_p: choose.of([1, 0.9]) },
  repetition_penalty: choose.of([1, 1.2]),
});

function looked(choose: Chooser): Json {
  const { bytes, type } = choose.picture();
  const url = `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
  return { role: "user", content: [{ type: "image_url", image_url: { url } }, { type: "text", text: choose.words() }] };
}

function conversation(choose: Chooser): Json[] {
  return [
    { role: "system", content: choose.words() },
    choose.below(3) === 0 ? looked(choose) : { role: "user", content: choose.words() },
    { role: "assistant", content: choose.words() },
    { role: "user", content: choose.words() },
  ];
}

function schema(choose: Chooser): Json {
  const json_schema = { name: choose.words(), schema: choose.of(SCHEMAS) };
  return {
    ...said(choose.words()),
    ...{ max_tokens: 60, temperature: 1, seed: choose.below(1000) },
    response_format: { type: "json_schema", json_schema },
  };
}

/** A caption's body is its own reference: captions are never streamed. */
function caption(kind: string, path: string, type: string, body: Uint8Array<ArrayBuffer>): Question {
  return { kind, path, type, body, alone: body, json: false };
}

function rawCaption(choose: Chooser): Question {
  const { bytes, type } = choose.picture();
  const query = new URLSearchParams({ prompt: choose.words(), max_tokens: String(1 + choose.below(12)) });
  return caption("caption", `/caption?${query}`, type, bytes);
}

function formCaption(choose: Chooser): Question {
  const { bytes, type } = choose.picture();
  const boundary = `b${choose.below(2 ** 31)}`;
  const part = (head: string) => `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n`;
  const before = `${part('name="max_tokens"')}\r\n${1 + choose.below(12)}\r\n` +
    `${part(`name="image"; filename="<image>.${choose.below(100)}"`)}content-type: ${type}\r\n\r\n`;
  const pieces = [encoder.encode(before), bytes, encoder.encode(`\r\n--${boundary}--\r\n`)];
  return caption(
    "caption, a form",
    "/caption",
    `multipart/form-data; boundary=${boundary}`,
    Uint8Array.from(Buffer.concat(pieces)),
  );
}

function jsonCaption(choose: Chooser): Question {
  const { bytes } = choose.picture();
  const body = { image: Array.from(bytes), prompt: choose.words(), max_tokens: 1 + choose.below(12) };
  return caption("caption, JSON", "/caption", "application/json", encoder.encode(JSON.stringify(body)));
}
