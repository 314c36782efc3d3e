/** A request on its way to the model: its pictures, its prompt, and the room for its answer. */
import type { ChatOptions, Message, Usage } from "./chat.ts";
import { LorisError } from "./errors.ts";
import type { ImageDecoder } from "./image/decoder.ts";
import { cancelImage, readImageBytes } from "./image/input.ts";
import { Picture } from "./image/picture.ts";
import { tilePlan } from "./image/tiles.ts";
import type { Assembled } from "./model/assemble.ts";
import type { PromptPiece } from "./model/vlm.ts";
import { buildPrompt, type Prompt } from "./text/prompt.ts";
import type { ChatMessage } from "./text/template.ts";
import type { Tokenizer } from "./text/tokenizer.ts";

const DEFAULTS = { maxTokens: 256, maxTiles: 17 };

/** What reads pictures. */
export interface PictureReader {
  readonly images: ImageDecoder;
  readonly maxImageBytes: number;
  readonly model: Assembled;
}

/** What writes prompts. */
export interface PromptWriter {
  readonly tokenizer: Tokenizer;
  /** Jinja template of a conversation. */
  readonly template: string;
  readonly model: Assembled;
}

/** What the scheduler is given, and what of the usage is known before. */
export interface PreparedChat {
  readonly prompt: readonly PromptPiece[];
  /** The most tokens of the answer. */
  readonly maxTokens: number;
  readonly usage: Pick<Usage, "promptTokens" | "imageTokens">;
}

/**
 * Reads and measures all pictures: every one is known to be decodable in size before any is computed.
 *
 * @throws {LorisError} of pictures, as `Captioner.caption`; the signal's reason.
 */
export async function readPictures(
  { images, maxImageBytes, model }: PictureReader,
  messages: readonly Message[],
  options: ChatOptions,
): Promise<Picture[]> {
  const { imageSize, longestEdge } = model.vlm.vision.config;
  const parts = messages.flatMap((m) => typeof m.content === "string" ? [] : m.content)
    .filter((part) => part.type === "image");
  const pictures: Picture[] = [];
  try {
    for (const part of parts) {
      const bytes = await readImageBytes(part.image, maxImageBytes, options.signal);
      const { width, height } = images.probe(bytes);
      const plan = tilePlan(part.detail ?? options.detail ?? "low", width, height, {
        ...{ tile: imageSize, longestEdge, maxTiles: options.maxTiles ?? DEFAULTS.maxTiles },
      });
      pictures.push(await Picture.create(bytes, plan, imageSize, images));
    }
  } catch (error) {
    for (const { image } of parts) cancelImage(image, error);
    throw error;
  }
  return pictures;
}

/**
 * Writes the prompt, and finds out how long its answer can be.
 *
 * @param maxTokens As it is asked for.
 * @throws {LorisError} `context_overflow`, and what the template throws.
 */
export function prepareChat(
  { tokenizer, template, model }: PromptWriter,
  messages: readonly Message[],
  pictures: readonly Picture[],
  maxTokens: number | undefined,
): PreparedChat {
  const tokensPerTile = model.vlm.vision.config.tokens;
  const layouts = pictures.map(({ plan: { rows, columns: cols } }) => ({ rows, cols, tokensPerTile }));
  const prompt = buildPrompt(tokenizer, template, withoutImages(messages), layouts);
  const usage = tokensOf(model, prompt);
  return { prompt: promptPieces(prompt, pictures), maxTokens: fit(model, prompt, usage, maxTokens), usage };
}

/** @throws {LorisError} `argument_invalid`. */
export function checkMaxTokens(maxTokens: number | undefined): void {
  if (maxTokens === undefined || (Number.isSafeInteger(maxTokens) && maxTokens >= 1)) return;
  throw new LorisError("argument_invalid", `maxTokens is ${maxTokens}, it must be a whole number from 1`, {
    param: "maxTokens",
  });
}

/** Tokens that a prompt has in the context. */
function tokensOf({ vlm }: Assembled, { ids, imagePositions }: Prompt): PreparedChat["usage"] {
  const imageTokens = imagePositions.length * vlm.tokensPerTile;
  return { promptTokens: ids.length - imagePositions.length * vlm.vision.config.tokens + imageTokens, imageTokens };
}

function fit(
  { cache: { capacity, textCapacity }, vlm: { language } }: Assembled,
  prompt: Prompt,
  { promptTokens, imageTokens }: PreparedChat["usage"],
  asked: number | undefined,
): number {
  const texts = promptTokens - imageTokens;
  // image tokens that are left out take no room, but their positions stay free
  const positions = language.config.trainedContext;
  const room = Math.min(capacity - promptTokens, textCapacity - texts, positions - prompt.ids.length);
  const wanted = asked ?? Math.min(DEFAULTS.maxTokens, room);
  if (room >= 1 && wanted <= room) return wanted;
  const ofText = textCapacity < capacity ? `, of which ${textCapacity} can be text (the prompt has ${texts})` : "";
  const free = prompt.ids.length > promptTokens
    ? `, and the model was made for ${positions} positions (the prompt takes ${prompt.ids.length})`
    : "";
  throw new LorisError(
    "context_overflow",
    `the prompt has ${promptTokens} tokens and the answer may have ${asked ?? 1}, the context has ${capacity}` +
      `${ofText}${free}; shorten the conversation, use fewer tiles, lower maxTokens or load with more contextTokens` +
      (ofText ? " or textTokens" : ""),
    { param: "messages" },
  );
}

function withoutImages(messages: readonly Message[]): ChatMessage[] {
  return messages.map(({ role, content }) => ({
    role,
    content: typeof content === "string"
      ? content
      : content.map((part) => part.type === "text" ? part : { type: "image" as const }),
  }));
}

/** The prompt's ids, cut where tiles come in. */
function promptPieces(prompt: Prompt, pictures: readonly Picture[]): PromptPiece[] {
  const pieces: PromptPiece[] = [];
  let at = 0;
  for (const { start, length, image, tile } of prompt.imagePositions) {
    if (start > at) pieces.push({ kind: "text", ids: prompt.ids.subarray(at, start) });
    const picture = pictures[image]!;
    pieces.push({ kind: "tile", rgb: () => picture.tile(tile), key: `${picture.key} ${tile}` });
    at = start + length;
  }
  if (at < prompt.ids.length) pieces.push({ kind: "text", ids: prompt.ids.subarray(at) });
  return pieces;
}
