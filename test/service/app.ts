import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { createApp, type ServiceOptions } from "../../src/service/app.ts";
import { DOGS } from "../sdk/model.ts";

export const CHAT = "/v1/chat/completions";

/** Whatever a test reads out of an answer. */
// deno-lint-ignore no-explicit-any -- tests look into JSON of every form
export type Json = any;

export function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export const DOGS_URL = `data:image/jpeg;base64,${base64(DOGS)}`;

/** A user's turn with a picture. */
export function picture(url: string = DOGS_URL, text = "Describe this image."): Json {
  return { role: "user", content: [{ type: "image_url", image_url: { url } }, { type: "text", text }] };
}

/** An app, and requests to it. */
export class TestApp {
  readonly app;

  constructor(captioner: Captioner, options: ServiceOptions = {}) {
    this.app = createApp(captioner, { log: () => {}, ...options });
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return await this.app.request(path, { headers });
  }

  /** Sends JSON. */
  async post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
    return await this.app.request(path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: { "content-type": "application/json", ...init.headers as Record<string, string> },
    });
  }

  async chat(body: Json, init: RequestInit = {}): Promise<Response> {
    return await this.post(CHAT, body, init);
  }
}

/** Checks that an answer is OpenAI's error object; returns it. */
export async function errorOf(response: Response, status: number, code: string, param?: string | null): Promise<Json> {
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["error"], JSON.stringify(body));
  const { error } = body;
  assert.deepEqual([response.status, error.code], [status, code], error.message);
  assert.deepEqual(Object.keys(error).sort(), ["code", "message", "param", "type"]);
  if (param !== undefined) assert.equal(error.param, param);
  assert.ok(error.message.length > 5 && error.message.length < 400, error.message);
  return error;
}

/** Data of all server-sent events, as they come. */
export async function* sseEvents(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoderStream();
  let rest = "";
  for await (const text of response.body!.pipeThrough(decoder as Json) as AsyncIterable<string>) {
    const events = (rest + text).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      assert.match(event, /^data: [^\n]+$/);
      yield event.slice("data: ".length);
    }
  }
  assert.equal(rest, "");
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
