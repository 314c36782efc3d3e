import { type Answer, DeferredAnswer } from "./answer.ts";
import { LorisError } from "./errors.ts";
import { generate } from "./generate/generate.ts";
import { Lock } from "./generate/lock.ts";
import { Sampler, type SamplingOptions } from "./generate/sampling.ts";
import type { ImageDecoder } from "./image/decoder.ts";
import { type ImageInput, readImageBytes } from "./image/input.ts";
import { cutTile, type Detail, type TilePlan, tilePlan } from "./image/tiles.ts";
import type { Assembled } from "./model/assemble.ts";
import type { PromptPiece } from "./model/vlm.ts";
import { Detokenizer } from "./text/detokenizer.ts";
import { buildPrompt, type ImageLayout, type Prompt } from "./text/prompt.ts";
import { type ChatMessage, checkMessages } from "./text/template.ts";
import type { Tokenizer } from "./text/tokenizer.ts";

/** One part of a message. */
export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly image: ImageInput; readonly detail?: Detail };

/** One turn of a conversation. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string | readonly ContentPart[];
}

/** How an answer is made. Everything may be left out. */
export interface ChatOptions extends SamplingOptions {
  /** The most tokens of the answer; 256. What does not fit the context is refused before any work. */
  readonly maxTokens?: number;
  /** Up to 16 strings that end the answer and are not part of it. */
  readonly stop?: readonly string[];
  /** For images that do not say it themselves: "low" (one tile, the default) or "high" (the model's tiling). */
  readonly detail?: Detail;
  /** The most tiles of one image, the overview included; 17. */
  readonly maxTiles?: number;
  /** Ends the work within a token or a layer; what is thrown is the signal's reason. */
  readonly signal?: AbortSignal;
}

/** As {@link ChatOptions}, with the question that is asked of the picture. */
export interface CaptionOptions extends ChatOptions {
  /** {@link DEFAULT_PROMPT} if left out. */
  readonly prompt?: string;
}

/** Tokens of a request. Image tokens that `visualTokens` leaves out are not counted: they are never in the context. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Those of the prompt's tokens that stand for pictures. */
  readonly imageTokens: number;
}

/** Where the time of a request went, in milliseconds. */
export interface Timings {
  /** Decoding, turning and resizing pictures. */
  readonly decodeImageMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  /** One decode step, on average; 0 if there was none. */
  readonly perTokenMs: number;
}

/** A finished answer. */
export interface ChatResult {
  readonly text: string;
  /** "stop": the model or a stop string ended it; "length": `maxTokens` or the context did. */
  readonly finishReason: "stop" | "length";
  readonly usage: Usage;
  readonly timings: Timings;
}

/** Bytes in use, from the memories themselves and the static plan. */
export interface MemoryReport {
  /** Size of the model's memory and of the picture decoder's largest. */
  readonly peakBytes: number;
  readonly weightsBytes: number;
  readonly kvBytes: number;
  readonly qCacheBytes: number;
  readonly activationBytes: number;
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
}

/** What is asked of a picture, if nothing else. */
export const DEFAULT_PROMPT = "Describe this image.";

const DEFAULTS = { maxTokens: 256, maxTiles: 17 };

/** A loaded model: pictures and messages in, text out. One request is computed at a time; others wait in order. */
export class Captioner {
  readonly #lock = new Lock();
  /** Undefined once closed: nothing else holds the model's memory, so that dropping it gives the memory back. */
  #open: CaptionerParts | undefined;

  constructor(parts: CaptionerParts) {
    this.#open = parts;
  }

  /** What computes: "wasm-relaxed", "wasm-simd128" or "wasm-plain". */
  get backend(): string {
    return this.#parts.model.vlm.backend.name;
  }

  /** Positions that a prompt and its answer can have together, in tokens. */
  get contextTokens(): number {
    return this.#parts.model.cache.capacity;
  }

  /** How the weights are held: as the file has them ("file"), or made smaller to fit the budget. */
  get weights(): string {
    return this.#parts.model.weights;
  }

  /** Bytes in use. */
  get memory(): MemoryReport {
    const { model, images, memoryBytes } = this.#parts;
    const bytes = (name: string) => model.parts.find((p) => p.name === name)?.bytes ?? 0;
    return {
      peakBytes: memoryBytes() + images.peakMemoryBytes,
      weightsBytes: bytes("weights"),
      kvBytes: bytes("kv cache"),
      qCacheBytes: bytes("q cache"),
      activationBytes: bytes("activations"),
    };
  }

  /**
   * Describes one picture.
   *
   * @throws {LorisError} `image_invalid`, `image_unsupported`, `image_too_large`, `argument_invalid`,
   * `context_overflow`, `non_finite`, `closed`; the signal's reason.
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
    this.#open = undefined;
    // a request that is being computed ends first
    (await this.#lock.acquire())();
  }

  async *#run(messages: readonly Message[], options: ChatOptions): AsyncGenerator<string, ChatResult> {
    const { tokenizer, template } = this.#parts;
    checkMessages(messages);
    checkMaxTokens(options.maxTokens);
    const sampler = new Sampler(options);
    const detokenizer = new Detokenizer(tokenizer, options.stop);
    const { signal } = options;
    const pictures = await this.#pictures(messages, options);
    const prompt = buildPrompt(tokenizer, template, withoutImages(messages), pictures.map((p) => p.layout));
    const maxTokens = this.#fit(prompt, options.maxTokens);

    const release = await this.#lock.acquire(signal);
    try {
      // asked for again: it may have been closed while this waited in line
      const { model: { vlm, cache }, images } = this.#parts;
      const timer = { decodeImageMs: 0 };
      const pieces = promptPieces(prompt, pictures.map((p) => tilesOf(images, p, vlm.vision.config.imageSize, timer)));
      cache.truncate(0);
      const answer = generate(vlm, tokenizer, cache, pieces, { sampler, detokenizer, maxTokens, signal });
      let text = "";
      for (;;) {
        const { done, value } = await answer.next();
        if (!done) {
          text += value;
          yield value;
          continue;
        }
        // the first token comes from the prefill, every other one from a step
        const steps = value.completionTokens - 1;
        return {
          text,
          finishReason: value.finishReason,
          usage: {
            ...this.#tokensOf(prompt),
            completionTokens: value.completionTokens,
          },
          timings: {
            decodeImageMs: timer.decodeImageMs,
            visionMs: value.visionMs,
            prefillMs: value.prefillMs,
            perTokenMs: steps > 0 ? value.decodeMs / steps : 0,
          },
        };
      }
    } finally {
      release();
    }
  }

  /** Reads and measures all pictures: every one is known to be decodable in size before any is computed. */
  async #pictures(messages: readonly Message[], options: ChatOptions): Promise<Picture[]> {
    const { images, maxImageBytes, model } = this.#parts;
    const { imageSize, longestEdge, tokens } = model.vlm.vision.config;
    const pictures: Picture[] = [];
    for (const part of messages.flatMap((m) => typeof m.content === "string" ? [] : m.content)) {
      if (part.type !== "image") continue;
      const bytes = await readImageBytes(part.image, maxImageBytes, options.signal);
      const { width, height } = images.probe(bytes);
      const plan = tilePlan(part.detail ?? options.detail ?? "low", width, height, {
        ...{ tile: imageSize, longestEdge, maxTiles: options.maxTiles ?? DEFAULTS.maxTiles },
      });
      pictures.push({ bytes, plan, layout: { rows: plan.rows, cols: plan.columns, tokensPerTile: tokens } });
    }
    return pictures;
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

  get #parts(): CaptionerParts {
    if (this.#open) return this.#open;
    throw new LorisError("closed", "the captioner was closed; load the model again");
  }
}

/** A picture of the conversation: its compressed bytes, its tiles, and its place in the prompt. */
interface Picture {
  readonly bytes: Uint8Array;
  readonly plan: TilePlan;
  readonly layout: ImageLayout;
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
function* promptPieces(prompt: Prompt, pictures: Array<AsyncIterator<Uint8Array>>): Generator<PromptPiece> {
  let at = 0;
  for (const { start, length, image } of prompt.imagePositions) {
    if (start > at) yield { kind: "text", ids: prompt.ids.subarray(at, start) };
    yield { kind: "tile", rgb: async () => (await pictures[image]!.next()).value as Uint8Array };
    at = start + length;
  }
  if (at < prompt.ids.length) yield { kind: "text", ids: prompt.ids.subarray(at) };
}

/** A picture's tiles in the prompt's order, each decoded when it is asked for: the cut ones, then the overview. */
async function* tilesOf(
  images: ImageDecoder,
  { bytes, plan }: Picture,
  side: number,
  timer: { decodeImageMs: number },
): AsyncGenerator<Uint8Array, Uint8Array> {
  const timed = <T>(work: () => T): T => {
    const started = performance.now();
    const result = work();
    timer.decodeImageMs += performance.now() - started;
    return result;
  };
  if (plan.rows > 0) {
    const whole = timed(() => images.decode(bytes, plan.width, plan.height));
    for (let row = 0; row < plan.rows; row++) {
      for (let column = 0; column < plan.columns; column++) yield timed(() => cutTile(whole, plan, row, column));
    }
  }
  return timed(() => images.decode(bytes, side, side));
}

function checkMaxTokens(maxTokens: number | undefined): void {
  if (maxTokens === undefined || (Number.isSafeInteger(maxTokens) && maxTokens >= 1)) return;
  throw new LorisError("argument_invalid", `maxTokens is ${maxTokens}, it must be a whole number from 1`, {
    param: "maxTokens",
  });
}
