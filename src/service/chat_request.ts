import type { ChatOptions, ContentPart, Message } from "../../sdk/chat.ts";
import type { ImageInput } from "../../sdk/image/input.ts";
import { type ChatRequest, chatRequest, type ChatRequestMessage } from "./chat_schema.ts";
import { ApiError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { refuseUnsupported } from "./unsupported.ts";
import { validated } from "./validate.ts";

/** A chat request as the captioner takes it. */
export interface ParsedChat {
  readonly messages: readonly Message[];
  readonly options: ChatOptions;
  readonly choices: number;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** Gets a picture by the text of its URL. @param param The field that it stands in. */
export type ImageReader = (url: string, param: string) => Promise<ImageInput>;

/**
 * A request's body, checked whole before any picture is read.
 *
 * @throws {ApiError} 400 naming the field, 404 for a model of another name.
 */
export async function parseChat(body: unknown, settings: Settings, readImage: ImageReader): Promise<ParsedChat> {
  refuseUnsupported(body);
  const request = validated(chatRequest, body);
  checkModel(request.model ?? undefined, settings);
  const choices = request.n ?? 1;
  if (choices > settings.maxChoices) refuse("n", `n is ${choices}, allowed are up to ${settings.maxChoices}`);
  if (request.stream_options && !request.stream) refuse("stream_options", "stream_options go with stream: true alone");
  const images = request.messages.flatMap(({ content }) =>
    typeof content === "string" ? [] : content.filter(({ type }) => type === "image_url")
  );
  if (images.length > settings.maxImages) {
    refuse("messages", `the messages hold ${images.length} pictures, allowed are up to ${settings.maxImages}`);
  }
  const messages: Message[] = [];
  for (const [i, message] of request.messages.entries()) messages.push(await toMessage(message, i, readImage));
  return {
    messages,
    options: chatOptions(request, settings),
    choices,
    stream: request.stream ?? false,
    includeUsage: request.stream_options?.include_usage ?? false,
  };
}

/** @throws {ApiError} 404 for a model that is not served. */
export function checkModel(model: string | undefined, { modelId, acceptAnyModel }: Settings): void {
  if (acceptAnyModel || model === undefined || model === modelId) return;
  throw unknownModel(model);
}

export function unknownModel(model: string): ApiError {
  const message = `there is no model "${model.slice(0, 100)}" here; GET /v1/models lists what there is`;
  return new ApiError(404, "model_not_found", message, { param: "model" });
}

/** A seed that follows another; OpenAI's may be negative, the captioner's are not. */
export function seedOf(seed: number, index: number): number {
  const count = 2n ** 53n;
  return Number(((BigInt(seed) + BigInt(index)) % count + count) % count);
}

function chatOptions(request: ChatRequest, settings: Settings): ChatOptions {
  const { temperature, top_p, top_k, min_p, repetition_penalty, seed, stop } = request;
  const given = {
    temperature,
    // OpenAI allows 0, which keeps what is kept always: the most probable token
    topP: top_p === 0 ? 1e-6 : top_p,
    topK: top_k,
    minP: min_p,
    repetitionPenalty: repetition_penalty,
    seed: typeof seed === "number" ? seedOf(seed, 0) : undefined,
    stop: typeof stop === "string" ? [stop] : stop,
    logprobs: request.logprobs,
    topLogprobs: request.top_logprobs,
    responseFormat: responseFormat(request.response_format),
    maxTokens: request.max_completion_tokens ?? request.max_tokens,
  };
  const options = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined && value !== null),
  );
  return { maxTiles: settings.maxTiles, ...options };
}

/** `strict` asks for nothing more: a schema is always held to. */
function responseFormat(format: ChatRequest["response_format"]): ChatOptions["responseFormat"] {
  return format?.type === "json_schema"
    ? { type: format.type, schema: format.json_schema.schema ?? {} }
    : format ?? undefined;
}

async function toMessage(message: ChatRequestMessage, index: number, readImage: ImageReader): Promise<Message> {
  const role = message.role === "developer" ? "system" : message.role;
  if (typeof message.content === "string") return { role, content: message.content };
  const content: ContentPart[] = [];
  for (const [i, part] of message.content.entries()) {
    if (part.type === "text") {
      content.push(part);
      continue;
    }
    const { url, detail } = part.image_url;
    const image = await readImage(url, `messages[${index}].content[${i}].image_url.url`);
    content.push({ type: "image", image, detail: detail === "high" ? "high" : "low" });
  }
  return { role, content };
}

function refuse(param: string, message: string): never {
  throw new ApiError(400, "invalid_value", message, { param });
}
