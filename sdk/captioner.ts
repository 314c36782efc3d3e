import { type Answer, DeferredAnswer } from "./answer.ts";
import { LorisError } from "./errors.ts";
import { LogprobReader, type LogprobsOptions, type TokenLogprob } from "./generate/logprobs.ts";
import { type ResponseFormat, ResponseFormats } from "./generate/response_format.ts";
import { Sampler, type SamplingOptions } from "./generate/sampling.ts";
import { Scheduler } from "./generate/scheduler.ts";
import type { Delta } from "./generate/token_log.ts";
import type { ImageDecoder } from "./image/decoder.ts";
import { cancelImage, type ImageInput, readImageBytes } from "./image/input.ts";
import { Picture } from "./image/picture.ts";
import { type Detail, tilePlan } from "./image/tiles.ts";
import type { KvCache } from "./lazy/cache.ts";
import { isDense, lazyLayers, type LazyMode } from "./lazy/plan.ts";
import type { Assembled } from "./model/assemble.ts";
import type { PromptPiece } from "./model/vlm.ts";
import { Detokenizer } from "./text/detokenizer.ts";
import { buildPrompt, type Prompt } from "./text/prompt.ts";
import { checkPromptBounds } from "./text/prompt_bounds.ts";
import { type ChatMessage, checkMessages } from "./text/template.ts";
import type { Tokenizer } from "./text/tokenizer.ts";

/** One part of a message. */
export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: ImageInput; readonly detail?: Detail };

/** One turn of a conversation. */
export interface Message {
  /** Who speaks; "assistant" is the model, with what it said before. */
  readonly role: "system" | "user" | "assistant";
  /** Text, or text and pictures in the order in which the model is to read them. */
  readonly content: string | readonly ContentPart[];
}

/** How an answer is made. Everything may be left out. */
export interface ChatOptions extends SamplingOptions, LogprobsOptions {
  /** The most tokens of the answer; 256. What does not fit the context is refused before any work. */
  readonly maxTokens?: number;
  /** Up to 16 strings that end the answer and are not part of it. */
  readonly stop?: readonly string[];
  /** Free text, the default, any JSON object, or JSON of a schema, which the answer then cannot but be. */
  readonly responseFormat?: ResponseFormat;
  /** For images that do not say it themselves: "low" (one tile, the default) or "high" (the model's tiling). */
  readonly detail?: Detail;
  /** The most tiles of one image, the overview included; 17. */
  readonly maxTiles?: number;
  /** Ends the work within a token or a layer; what is thrown is the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * `ctx.waitUntil` of a Cloudflare Worker, needed there: told of what this request computes, for itself and for those that
   * are answered together with it.
   */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** As {@link ChatOptions}, with the question that is asked of the picture. */
export interface CaptionOptions extends ChatOptions {
  /** "Describe this image." if left out. */
  readonly prompt?: string;
}

/** Tokens of a request. Image tokens that `visualTokens` leaves out are not counted: they are never in the context. */
export interface Usage {
  /** Of the whole prompt: texts, image tokens and the template's own. */
  readonly promptTokens: number;
  /** Of the answer, with that of its end if the model ended it. */
  readonly completionTokens: number;
  /** Those of the prompt's tokens that stand for pictures. */
  readonly imageTokens: number;
  /** Those of the prompt's tokens that an earlier request had left in the KV cache. */
  readonly cachedTokens: number;
}

/** Where the time of a request went, in milliseconds. */
export interface Timings {
  /** Decoding, turning and resizing pictures. */
  readonly decodeImageMs: number;
  /** The encoder's passes over tiles; 0 if their image tokens were kept from an earlier request. */
  readonly visionMs: number;
  /** The decoder's pass over what of the prompt is not in the KV cache yet. */
  readonly prefillMs: number;
  /** One decode step, on average; 0 if there was none. */
  readonly perTokenMs: number;
}

/** A finished answer. */
export interface ChatResult {
  /** The whole answer, without the stop string that ended it. */
  readonly text: string;
  /** "stop": the model, the end of its JSON or a stop string ended it; "length": `maxTokens` or the context did. */
  readonly finishReason: "stop" | "length";
  /** The text's tokens, where `logprobs` asks for them; that of the end is none of them. */
  readonly logprobs?: readonly TokenLogprob[];
  /** Tokens that it took. */
  readonly usage: Usage;
  /** Time that it took. */
  readonly timings: Timings;
}

/** Bytes in use, from the memories themselves and the static plan. */
export interface MemoryReport {
  /** Size of the model's memory and of the picture decoder's largest. */
  readonly peakBytes: number;
  /** With the ring through which streamed layers go. */
  readonly weightsBytes: number;
  /** KV caches of all conversations. */
  readonly kvBytes: number;
  /** Queries that anchors leave for their lazy layers; 0 if no layer is lazy. */
  readonly qCacheBytes: number;
  /** Work area of the forward passes. */
  readonly activationBytes: number;
}

/** What the lazy plan does to the KV caches of all conversations. */
export interface LazyReport {
  /** "off" if no layer is lazy. */
  readonly mode: LazyMode | "off";
  /** Of the decoder. */
  readonly layers: number;
  /** How many of them inherit queries and keys. */
  readonly lazyLayers: number;
  /** What the caches take. */
  readonly kvBytes: number;
  /** What the same caches would take without a lazy layer. */
  readonly denseKvBytes: number;
}

/** What {@link Captioner} is made of; `load` puts it together. */
export interface CaptionerParts {
  readonly model: Assembled;
  readonly tokenizer: Tokenizer;
  /** Jinja template of a conversation. */
  readonly template: string;
  readonly images: ImageDecoder;
  readonly maxImageBytes: number;
  readonly memoryBytes: () => number;
  /** What was tried to compute on, and what came of it. */
  readonly backendReason: string;
  /** The same model on the CPU, for when the GPU fails. */
  readonly onCpu?: () => Promise<CaptionerParts>;
}

/** What is asked of a picture, if nothing else. */
export const DEFAULT_PROMPT = "Describe this image.";

type OpenParts = CaptionerParts & { readonly scheduler: Scheduler; readonly formats: ResponseFormats };

const DEFAULTS = { maxTokens: 256, maxTiles: 17 };

/**
 * A loaded model: pictures and messages in, text out. As many requests as it was loaded for are computed at once; others wait
 * in the order in which their pictures had been read.
 */
export class Captioner {
  /** Undefined once closed: nothing else holds the model's memory, so that dropping it gives the memory back. */
  #open: OpenParts | undefined;

  /** The way to the CPU, after the GPU has failed. */
  #moving: Promise<void> | undefined;
  /** How it failed, until the model is on the CPU: where that fails as well, the next request tries it again. */
  #failure: LorisError | undefined;

  /** For `load`, which makes the parts. */
  constructor(parts: CaptionerParts) {
    this.#open = opened(parts);
  }

  /** What computes: "wasm-relaxed", "wasm-simd128", "wasm-plain" or "webgpu". */
  get backend(): string {
    return this.#parts.model.vlm.backend.name;
  }

  /** Why it is this one: what was tried, and what came of it. */
  get backendReason(): string {
    return this.#parts.backendReason;
  }

  /** True if the sources may be read again, so that they must stay open until `close()`. */
  get readsSources(): boolean {
    const { model, onCpu } = this.#parts;
    return model.visionWeights === "streamed" || onCpu !== undefined;
  }

  /** Positions that a prompt and its answer can have together, in tokens. */
  get contextTokens(): number {
    return this.#parts.model.cache.capacity;
  }

  /** Requests that are computed at once; others wait in order. */
  get conversations(): number {
    return this.#parts.model.caches.length;
  }

  /** Requests that are being computed, and those that wait for it. */
  get requests(): { readonly active: number; readonly waiting: number } {
    const { active, waiting } = this.#parts.scheduler;
    return { active, waiting };
  }

  /** How the weights are held: as the file has them ("file"), or made smaller to fit the budget. */
  get weights(): string {
    return this.#parts.model.weights;
  }

  /** "streamed": the encoder's layers are read from their source for each picture, which must stay open until `close()`. */
  get visionWeights(): "resident" | "streamed" {
    return this.#parts.model.visionWeights;
  }

  /** Bytes in use. */
  get memory(): MemoryReport {
    const { model, images, memoryBytes } = this.#parts;
    const bytes = (name: string) => model.parts.find((p) => p.name === name)?.bytes ?? 0;
    return {
      peakBytes: memoryBytes() + images.peakMemoryBytes,
      weightsBytes: bytes("weights") + bytes("vision ring"),
      kvBytes: bytes("kv cache"),
      qCacheBytes: bytes("q cache"),
      activationBytes: bytes("activations"),
    };
  }

  /** What the lazy plan saves. */
  get lazy(): LazyReport {
    const { caches, lazy } = this.#parts.model;
    const total = (of: (cache: KvCache) => number) => caches.reduce((sum, cache) => sum + of(cache), 0);
    return {
      mode: isDense(lazy) ? "off" : lazy.mode,
      layers: lazy.anchor.length,
      lazyLayers: lazyLayers(lazy).length,
      kvBytes: total(({ bytes }) => bytes),
      denseKvBytes: total(({ denseBytes }) => denseBytes),
    };
  }

  /**
   * Describes one picture.
   *
   * @throws {LorisError} `image_invalid`, `image_unsupported`, `image_too_large`, `argument_invalid`, `file_unsupported` for
   * JSON of a model that cannot write it, `context_overflow`, `memory_budget` if the engine gives the picture decoder no
   * memory, `non_finite`, `closed`; where the encoder's layers are
   * streamed, `source_failed` and `file_invalid`, after which other requests go on; the signal's reason.
   */
  caption(image: ImageInput, options: CaptionOptions = {}): Answer<ChatResult> {
    const text = options.prompt ?? DEFAULT_PROMPT;
    return this.chat([{ role: "user", content: [{ type: "image", image }, { type: "text", text }] }], options);
  }

  /**
   * Continues a conversation, pictures anywhere in it.
   *
   * @throws {LorisError} as {@link Captioner.caption}, when iterated or awaited.
   */
  chat(messages: readonly Message[], options: ChatOptions = {}): Answer<ChatResult> {
    return new DeferredAnswer(() => this.#run(messages, options));
  }

  /**
   * Gives the model's memory back to the engine's garbage collector; every later use is refused with `closed`, and so
   * are the requests that wait in line.
   */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.scheduler.close();
    open?.model.vlm.backend.destroy();
  }

  #move(open: OpenParts, failure: LorisError): void {
    this.#moving ??= this.#moveToCpu(open, failure).finally(() => this.#moving = undefined);
    // the next request hears of it, if there is one
    this.#moving.catch(() => {});
  }

  /** Goes on on the CPU, for requests to come. Those that wait in line are ended by the failure as well. */
  async #moveToCpu({ onCpu, scheduler, model }: OpenParts, failure: LorisError): Promise<void> {
    this.#failure = failure;
    await scheduler.close(failure);
    model.vlm.backend.destroy();
    const parts = await onCpu!();
    this.#failure = undefined;
    if (this.#open) {
      this.#open = opened({ ...parts, backendReason: `not webgpu: ${failure.message}; wasm: went on there` });
    }
  }

  async *#run(messages: readonly Message[], options: ChatOptions): AsyncGenerator<Delta, ChatResult> {
    if (this.#open && this.#failure) this.#move(this.#open, this.#failure);
    await this.#moving;
    const open = this.#parts;
    try {
      return yield* this.#answer(messages, options);
    } catch (error) {
      if (error instanceof LorisError && error.code === "gpu_failed" && open.onCpu && open === this.#open) {
        this.#move(open, error);
      }
      throw error;
    }
  }

  async *#answer(messages: readonly Message[], options: ChatOptions): AsyncGenerator<Delta, ChatResult> {
    const { tokenizer, template, formats } = this.#parts;
    checkMessages(messages);
    checkPromptBounds(messages, this.contextTokens, tokenizer.longestTokenBytes);
    checkMaxTokens(options.maxTokens);
    const sampler = new Sampler(options);
    const detokenizer = new Detokenizer(tokenizer, options.stop);
    const logprobs = LogprobReader.of(tokenizer, options);
    const constraint = formats.constraint(options.responseFormat);
    const { signal } = options;
    const pictures = await this.#pictures(messages, options);
    // the GPU may have failed meanwhile
    await this.#moving;
    const layouts = pictures.map(({ plan }) => ({
      rows: plan.rows,
      cols: plan.columns,
      tokensPerTile: this.#tileTokens,
    }));
    const prompt = buildPrompt(tokenizer, template, withoutImages(messages), layouts);
    const maxTokens = this.#fit(prompt, options.maxTokens);
    const pieces = promptPieces(prompt, pictures);
    const usage = this.#tokensOf(prompt);
    const how = { sampler, detokenizer, maxTokens, constraint, logprobs, waitUntil: options.waitUntil };
    const answer = this.#parts.scheduler.answer({ prompt: pieces, ...how, signal });
    let text = "";
    const tokens: TokenLogprob[] = [];
    try {
      for (;;) {
        const { done, value } = await answer.next();
        if (!done) {
          text += value.text;
          tokens.push(...value.tokens);
          yield value;
          continue;
        }
        const { finishReason, completionTokens, cachedTokens, visionMs, prefillMs, decodeMs } = value;
        // the first token comes from the prefill, every other one from a step
        const perTokenMs = completionTokens > 1 ? decodeMs / (completionTokens - 1) : 0;
        const decodeImageMs = pictures.reduce((sum, picture) => sum + picture.decodeMs, 0);
        return {
          ...{ text, finishReason },
          ...logprobs ? { logprobs: tokens } : {},
          usage: { ...usage, completionTokens, cachedTokens },
          timings: { decodeImageMs, visionMs, prefillMs, perTokenMs },
        };
      }
    } finally {
      // where the reader has left, the work ends as well
      await answer.return(undefined as never);
    }
  }

  /** Reads and measures all pictures: every one is known to be decodable in size before any is computed. */
  async #pictures(messages: readonly Message[], options: ChatOptions): Promise<Picture[]> {
    const { images, maxImageBytes, model } = this.#parts;
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

  /** Image tokens that the template writes for a tile. */
  get #tileTokens(): number {
    return this.#parts.model.vlm.vision.config.tokens;
  }

  /** Tokens that a prompt has in the context. */
  #tokensOf({ ids, imagePositions }: Prompt): Pick<Usage, "promptTokens" | "imageTokens"> {
    const { tokensPerTile, vision } = this.#parts.model.vlm;
    const imageTokens = imagePositions.length * tokensPerTile;
    return { promptTokens: ids.length - imagePositions.length * vision.config.tokens + imageTokens, imageTokens };
  }

  #fit(prompt: Prompt, asked: number | undefined): number {
    const { cache: { capacity, textCapacity }, vlm: { language } } = this.#parts.model;
    const { promptTokens, imageTokens } = this.#tokensOf(prompt);
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

  get #parts(): OpenParts {
    if (this.#open) return this.#open;
    throw new LorisError("closed", "the captioner was closed; load the model again");
  }
}

function opened(parts: CaptionerParts): OpenParts {
  const { model: { vlm, caches }, tokenizer } = parts;
  return { ...parts, scheduler: new Scheduler(vlm, tokenizer, caches), formats: new ResponseFormats(tokenizer) };
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

function checkMaxTokens(maxTokens: number | undefined): void {
  if (maxTokens === undefined || (Number.isSafeInteger(maxTokens) && maxTokens >= 1)) return;
  throw new LorisError("argument_invalid", `maxTokens is ${maxTokens}, it must be a whole number from 1`, {
    param: "maxTokens",
  });
}
