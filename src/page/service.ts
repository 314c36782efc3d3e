import type * as v from "valibot";
import type { chatCompletionChunk, ChatRequestMessage, usage } from "../service/chat_schema.ts";
import type { errorResponse } from "../service/openapi.ts";
import type { status } from "../service/status.ts";

export type Usage = v.InferOutput<typeof usage>;
export type Status = v.InferOutput<typeof status>;
type Chunk = v.InferOutput<typeof chatCompletionChunk>;
type ErrorBody = v.InferOutput<typeof errorResponse>;

/** What the service refused with. */
export class Refusal extends Error {
  readonly code: string;
  readonly retryAfterS: number | undefined;

  constructor({ error }: ErrorBody, retryAfter: string | null = null) {
    super(error.message);
    this.code = error.code;
    this.retryAfterS = retryAfter === null ? undefined : Number(retryAfter);
  }
}

/** A piece of text, or at the end the tokens of all. */
export type Piece = { readonly text: string } | { readonly usage: Usage };

const KEY = "loris-api-key";

/** Of this tab, until it is closed. */
export function keepKey(key: string): void {
  sessionStorage.setItem(KEY, key);
}

function headers(): Record<string, string> {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** @throws {Refusal} */
export async function getStatus(): Promise<Status> {
  const response = await fetch("status", { headers: headers() });
  if (!response.ok) throw await refusal(response);
  return await response.json();
}

/** An answer as it comes. @throws {Refusal} before the first piece or in the middle. */
export async function* answer(messages: readonly ChatRequestMessage[], signal: AbortSignal): AsyncGenerator<Piece> {
  const response = await fetch("v1/chat/completions", {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
    body: JSON.stringify({ messages, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok || !response.body) throw await refusal(response);
  for await (const data of events(response.body)) {
    if (data === "[DONE]") return;
    const chunk: Chunk | ErrorBody = JSON.parse(data);
    if ("error" in chunk) throw new Refusal(chunk);
    const text = chunk.choices[0]?.delta.content;
    if (text) yield { text };
    if (chunk.usage) yield { usage: chunk.usage };
  }
  throw new TypeError("the answer ended before its end");
}

/** The data of server-sent events that are one line each, as the service writes them. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  // Safari has no async iteration of streams
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = whole.pop()!;
    for (const event of whole) yield event.replace(/^data: /, "");
  }
}

async function refusal(response: Response): Promise<Refusal> {
  const message = `the service answered with the status ${response.status}`;
  // something between may have answered, in its own way
  const body: ErrorBody = await response.json().catch(() => undefined) ??
    { error: { message, type: "server_error", param: null, code: "unknown" } };
  return new Refusal(body, response.headers.get("retry-after"));
}
