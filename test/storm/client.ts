/** A client that stays for its answer, and one that does not. */
import { RawRequest } from "../workerd/raw.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Question } from "./questions.ts";
import type { Refusal } from "./refusals.ts";
import { KEY } from "./targets.ts";

/** What a client was told. */
export interface Told {
  readonly status: number;
  /** Undefined where the body is none of an answer. */
  readonly answer: Answer | undefined;
  readonly body: string;
}

/** When a client goes: with a part of its request sent, with all of it, at the answer's first byte, within the answer. */
export const LEAVING = ["within the request", "before the first byte", "at the first byte", "after it"] as const;
export type Leaving = (typeof LEAVING)[number];

/** No answer takes longer unless something hangs. */
const PATIENCE_MS = 60_000;
const keyed = (key: string): Record<string, string> => key === "" ? {} : { authorization: `Bearer ${key}` };

/** Asks and waits for the end. */
export async function ask(url: string, { path, type, body }: Omit<Question, "alone">, key = KEY): Promise<Told> {
  const headers = { "content-type": type, ...keyed(key) };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(url + path, { method: "POST", body, headers, signal });
  const text = await response.text();
  const answer = answerOf(response.headers.get("content-type") ?? "", response.headers.get("x-usage"), text);
  return { status: response.status, answer, body: text };
}

/** Asks what is refused; where the announced length is a lie, the answer must come without the body. */
export async function askWrong(url: string, refusal: Refusal): Promise<Told> {
  const { key = KEY, announced, path, body, type } = refusal;
  if (announced === undefined) return await ask(url, { ...refusal, json: false }, key);
  const request = new RawRequest(url + path, body, type, { announced, headers: keyed(key) });
  const received = await request.until((text) => text.includes('"error"'));
  request.leave();
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1]), answer: undefined, body: received };
}

/** Asks and goes. @param events How many events come before a client that reads goes. */
export async function askAndLeave(url: string, question: Question, when: Leaving, events: number): Promise<void> {
  const { path, body, type } = question;
  const sent = when === "within the request" ? body.subarray(0, body.length >> 1) : body;
  const options = { announced: body.length, headers: keyed(KEY) };
  const request = new RawRequest(url + path, new Uint8Array(0), type, options);
  await request.send(sent);
  if (when === "at the first byte") await request.until((text) => text !== "");
  if (when === "after it") await request.until((text) => within(text, events));
  request.leave();
  await request.ended;
}

/** True if so many events have come, or all of them; of an answer in one piece, its head. */
function within(received: string, events: number): boolean {
  if (!/^content-type: text\/event-stream/im.test(received)) return received.includes("\r\n\r\n");
  return received.split("data: ").length > events || received.includes("[DONE]") || received.includes('"error"');
}
