import { type Answer, DeferredAnswer } from "./answer.ts";
import { type CaptionOptions, type ChatOptions, type ChatResult, DEFAULT_PROMPT, type Message } from "./chat.ts";
import { LorisError } from "./errors.ts";
import { LogprobReader, type TokenLogprob } from "./generate/logprobs.ts";
import { ResponseFormats } from "./generate/response_format.ts";
import { Sampler } from "./generate/sampling.ts";
import { Scheduler } from "./generate/scheduler.ts";
import type { Delta } from "./generate/token_log.ts";
import type { ImageInput } from "./image/input.ts";
import { checkMaxTokens, type PictureReader, prepareChat, type PromptWriter, readPictures } from "./prepared_chat.ts";
import { type LazyReport, lazyReport, type MemoryReport, memoryReport } from "./reports.ts";
import { Detokenizer } from "./text/detokenizer.ts";
import { checkPromptBounds } from "./text/prompt_bounds.ts";
import { checkMessages } from "./text/template.ts";

/** What {@link Captioner} is made of; `load` puts it together. */
export interface CaptionerParts extends PictureReader, PromptWriter {
  readonly memoryBytes: () => number;
  /** What was tried to compute on, and what came of it. */
  readonly backendReason: string;
  /** The same model on the CPU, for when the GPU fails. */
  readonly onCpu?: () => Promise<CaptionerParts>;
}

type OpenParts = CaptionerParts & { readonly scheduler: Scheduler; readonly formats: ResponseFormats };

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
    return memoryReport(model, memoryBytes() + images.peakMemoryBytes);
  }

  /** What the lazy plan saves. */
  get lazy(): LazyReport {
    return lazyReport(this.#parts.model);
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
    const { tokenizer, formats } = this.#parts;
    checkMessages(messages);
    checkPromptBounds(messages, this.contextTokens, tokenizer.longestTokenBytes);
    checkMaxTokens(options.maxTokens);
    const sampler = new Sampler(options);
    const detokenizer = new Detokenizer(tokenizer, options.stop);
    const logprobs = LogprobReader.of(tokenizer, options);
    const constraint = formats.constraint(options.responseFormat);
    const { signal } = options;
    const pictures = await readPictures(this.#parts, messages, options);
    // the GPU may have failed meanwhile
    await this.#moving;
    const { usage, ...request } = prepareChat(this.#parts, messages, pictures, options.maxTokens);
    const how = { sampler, detokenizer, constraint, logprobs, signal, waitUntil: options.waitUntil };
    const answer = this.#parts.scheduler.answer({ ...request, ...how });
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

  get #parts(): OpenParts {
    if (this.#open) return this.#open;
    throw new LorisError("closed", "the captioner was closed; load the model again");
  }
}

function opened(parts: CaptionerParts): OpenParts {
  const { model: { vlm, caches }, tokenizer } = parts;
  return { ...parts, scheduler: new Scheduler(vlm, tokenizer, caches), formats: new ResponseFormats(tokenizer) };
}
