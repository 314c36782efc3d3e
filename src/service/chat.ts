import type { ChatResult } from "../../sdk/chat.ts";
import { contentType, parseJson } from "./body.ts";
import { parseChat, type ParsedChat } from "./chat_request.ts";
import { answerChoices, type ChoiceEvent } from "./choices.ts";
import { completion, completionChunks, newHead, serverTiming } from "./completion.ts";
import { ApiError } from "./errors.ts";
import { imageAt } from "./images.ts";
import { sseResponse } from "./sse.ts";
import { type AppContext, beginWork, type Service, type Work } from "./work.ts";

/** `POST /v1/chat/completions`. */
export async function chatRoute<Env extends object>(
  c: AppContext<Env>,
  service: Service<Env>,
  failed: (error: unknown) => void,
): Promise<Response> {
  requireJson(c.req.raw);
  const work = await beginWork(c, service);
  try {
    const body = parseJson(await work.read());
    const { settings } = service;
    const chat = await parseChat(
      body,
      settings,
      async (url, param) => work.keep(await imageAt(url, settings, work.signal, param)),
    );
    const results: ChatResult[] = [];
    const events = answered(work, chat, results, () => service.metrics.answered(results));
    const head = newHead(settings.modelId, work.captioner.backend);
    if (chat.stream) {
      const chunks = completionChunks(head, events, chat.includeUsage);
      return await sseResponse(chunks, work.signal, { failed, left: work.left, ended: work.end });
    }
    for await (const _ of events) { /* the results have it all */ }
    work.end();
    return c.json(completion(head, results), 200, { "server-timing": serverTiming(results) });
  } catch (error) {
    work.end();
    throw error;
  }
}

/** @throws {ApiError} 415 for a body that does not say it is JSON. */
export function requireJson(request: Request): void {
  const type = contentType(request);
  if (type === "application/json") return;
  const message = `the body must be application/json, it is ${type === "" ? "of no type" : type.slice(0, 60)}`;
  throw new ApiError(415, "unsupported_media_type", message);
}

/** The events of all choices; their results are collected on the way, and told of when they are complete. */
async function* answered(
  { captioner, signal, waitUntil }: Work,
  { messages, options, choices }: ParsedChat,
  results: ChatResult[],
  done: () => void,
): AsyncGenerator<ChoiceEvent, void> {
  for await (const event of answerChoices(captioner, messages, { ...options, signal, waitUntil }, choices)) {
    if ("result" in event) results.push(event.result);
    yield event;
  }
  done();
}
