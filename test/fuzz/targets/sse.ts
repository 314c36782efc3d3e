/** Server-sent events: what the service writes the page reads, however it is cut on its way; anything else ends in an error. */
import assert from "node:assert/strict";
import { answer, type Piece, Refusal } from "../../../src/page/service.ts";
import { ApiError } from "../../../src/service/errors.ts";
import { sseResponse } from "../../../src/service/sse.ts";
import { bytesOf, type Target } from "../target.ts";
import { taken, Taker } from "../taker.ts";

const scope = globalThis as unknown as { sessionStorage: unknown; fetch: () => Promise<Response> };
scope.sessionStorage = { getItem: () => null };

/** What the page gets of a response: its pieces, and the error that ends them. */
async function readByPage(response: Response): Promise<{ pieces: Piece[]; error: unknown }> {
  const { fetch } = scope;
  const pieces: Piece[] = [];
  try {
    scope.fetch = () => Promise.resolve(response);
    for await (const piece of answer([], new AbortController().signal)) pieces.push(piece);
    return { pieces, error: undefined };
  } catch (error) {
    return { pieces, error };
  } finally {
    scope.fetch = fetch;
  }
}

/** A body in pieces of lengths that bytes give. */
function cut(body: Uint8Array, lengths: Uint8Array): ReadableStream<Uint8Array> {
  let [at, i] = [0, 0];
  return new ReadableStream({
    pull(controller) {
      const length = lengths.length === 0 ? body.length : 1 + lengths[i++ % lengths.length]! % 64;
      if (at < body.length) controller.enqueue(body.slice(at, at += length));
      if (at >= body.length) controller.close();
    },
  });
}

const chunk = (content: string) => ({ choices: [{ delta: { content } }] });

async function* events(texts: readonly string[], failure: Error | undefined): AsyncGenerator<unknown, void> {
  for (const text of texts) yield await Promise.resolve(chunk(text));
  if (failure) throw failure;
}

async function checkRoundTrip(taker: Taker): Promise<void> {
  const texts = Array.from({ length: 1 + taker.below(6) }, () => taker.text(32));
  const failure = taker.below(4) === 0 ? new ApiError(503, "shutting_down", "the service ends") : undefined;
  const ends: string[] = [];
  const watcher = {
    failed: () => void ends.push("failed"),
    left: () => void ends.push("left"),
    ended: () => void ends.push("ended"),
  };
  const response = await sseResponse(events(texts, failure), new AbortController().signal, watcher);
  const body = new Uint8Array(await response.arrayBuffer());
  assert.deepEqual(ends, failure ? ["failed", "ended"] : ["ended"]);
  const { pieces, error } = await readByPage(new Response(cut(body, taker.rest())));
  const wanted = texts.filter((text) => text !== "").map((text) => text.toWellFormed());
  assert.deepEqual(pieces, wanted.map((text) => ({ text })));
  if (failure) assert.ok(error instanceof Refusal && error.code === "shutting_down");
  else assert.equal(error, undefined);
}

export const target: Target = {
  seeds: [
    taken(0, 2, "Hello", " wörld\n\ndata: x", "\r\n", 1, 3, 200),
    taken(0, 1, "a", "b", 0, 7),
    Uint8Array.of(1, ...bytesOf('data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE]\n\n')),
    Uint8Array.of(1, ...bytesOf('data: {"error":{"message":"m","type":"t","param":null,"code":"c"}}\n\n')),
    Uint8Array.of(1, ...bytesOf('data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n')),
  ],
  words: [
    "data: ",
    "\n\n",
    "[DONE]",
    "data: [DONE]\n\n",
    '{"choices":',
    '{"error":',
    "null",
    "\r\n\r\n",
    ": comment\n\n",
  ],
  maxBytes: 512,
  async run(input) {
    const taker = new Taker(input);
    if (taker.below(2) === 0) return await checkRoundTrip(taker);
    const { error } = await readByPage(new Response(cut(taker.rest(), input)));
    const known = error === undefined || error instanceof Refusal || error instanceof SyntaxError ||
      error instanceof TypeError;
    if (!known) throw error;
  },
};
