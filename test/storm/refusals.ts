/** Requests that are wrong, each in its way, and what they must be answered with. */
import { Buffer } from "node:buffer";
import { hollowPng } from "../image/png.ts";
import { CHAT, type Json } from "../service/app.ts";
import { mutated } from "../service/mutations.ts";
import type { Chooser } from "./questions.ts";

/** A request that is refused. */
export interface Refusal {
  readonly kind: string;
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** The key that is sent; the right one if left out. */
  readonly key?: string;
  /** A length that the body does not have. */
  readonly announced?: number;
  /** Statuses that it may be answered with. */
  readonly statuses: readonly number[];
}

type Make = (choose: Chooser) => Refusal;

const encoder = new TextEncoder();
const HELLO = { messages: [{ role: "user", content: "Hi" }], max_tokens: 1 };
const MUTABLE = {
  ...{
    model: "loris",
    stream: false,
    max_tokens: 1,
    temperature: 1,
    top_p: 0.9,
    top_k: 5,
    min_p: 0,
    n: 1,
    stop: ["x"],
  },
  messages: [{ role: "system", content: "Be brief." }, { role: "user", content: [{ type: "text", text: "Hi" }] }],
  response_format: { type: "text" },
};

function chat(kind: string, body: unknown, statuses: readonly number[] = [400]): Refusal {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { kind, path: CHAT, type: "application/json", body: encoder.encode(text), statuses };
}

function picture(kind: string, bytes: Uint8Array, statuses: readonly number[]): Refusal {
  const url = `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
  return chat(kind, { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] }, statuses);
}

const schema = (schema: Json) => ({
  ...HELLO,
  response_format: { type: "json_schema", json_schema: { name: "x", schema } },
});

const MAKERS: readonly Make[] = [
  (choose) => chat("no JSON", choose.of(["", "{", '{"messages":', "[".repeat(9999), "\u0000", '{"messages":[}'])),
  (choose) => {
    let body: Json = MUTABLE;
    for (let times = 1 + choose.below(3); times > 0; times--) body = mutated(body, choose.random);
    return chat("a mutation", body, [200, 400, 413, 415]);
  },
  (choose) =>
    chat("a wrong type", { ...HELLO, [choose.of(["messages", "max_tokens", "stop", "n", "seed"])]: { a: 1 } }),
  (choose) => chat("unsupported", { ...HELLO, [choose.of(["tools", "audio", "logit_bias"])]: [{ type: "function" }] }),
  (choose) =>
    chat("a role", { messages: [{ role: choose.of(["tool", "function", "root"]), content: choose.words() }] }),
  () => chat("too long for the context", { ...HELLO, max_tokens: 100_000 }),
  (choose) => chat("a long text", { messages: [{ role: "user", content: "dog ".repeat(600 + choose.below(600)) }] }),
  (choose) => ({
    ...chat("a key", HELLO, [401]),
    key: choose.of(["", "wrong", "storm-ke", "storm-key,other", "x".repeat(900)]),
  }),
  () => ({ ...chat("a type of body", HELLO, [415]), type: "text/plain" }),
  (choose) => ({ ...chat("a path", HELLO, [404]), path: `/v1/${choose.below(1000)}` }),
  (choose) => picture("no picture", encoder.encode(choose.words()), [400]),
  (choose) => picture("a picture too large for any memory", hollowPng(20_000 + choose.below(1000), 30_000), [413]),
  (choose) => picture("a picture cut short", hollowPng(8 + choose.below(64), 8), [400]),
  (choose) =>
    chat("a host", {
      messages: [{
        role: "user",
        content: [{
          type: "image_url",
          image_url: { url: choose.of(["http://127.0.0.1/", "https://169.254.169.254/a", "file:///etc/passwd"]) },
        }],
      }],
    }),
  () => chat("a schema without an end", schema({ $ref: "#" })),
  (choose) => chat("a schema of an unknown keyword", schema({ type: "string", [`x${choose.below(99)}`]: 1, not: {} })),
  () => chat("a schema too large", schema({ type: "array", items: { enum: Array(30_000).fill("x") } })),
  () => ({ ...chat("a length beyond the limit", "", [413]), announced: 2 ** 40 }),
];

/** One refusal of any kind. */
export function refusal(choose: Chooser): Refusal {
  return choose.of(MAKERS)(choose);
}
