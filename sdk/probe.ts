/**
 * One loaded pair on which plans, types of cache and numbers of image tokens are tried without loading again.
 *
 * @example
 * ```ts
 * import { densePlan } from "loris/lazy/plan";
 * import { openProbe } from "loris/probe";
 * import { fileSource } from "loris/sources/file";
 *
 * const probe = await openProbe({
 *   text: fileSource("text.gguf"),
 *   vision: fileSource("mmproj.gguf"),
 * });
 * const photo = await Deno.readFile("photo.jpg");
 * const prepared = await probe.prepare(photo, "Describe this image.");
 * const options = { maxTokens: 8 };
 * for (const lazy of [densePlan(probe.layers), probe.plan("auto")]) {
 *   const answer = await probe.answer(prepared, { lazy }, options);
 *   console.log(answer.kvBytes, answer.text);
 * }
 * await probe.close();
 * ```
 *
 * @module
 */
import type { CaptionerParts } from "./captioner.ts";
import { LorisError } from "./errors.ts";
import { Lock } from "./generate/lock.ts";
import { Random } from "./generate/random.ts";
import { Sampler } from "./generate/sampling.ts";
import { openGguf } from "./gguf/gguf.ts";
import type { GgufMetadata } from "./gguf/metadata.ts";
import { type ImageInput, readImageBytes } from "./image/input.ts";
import type { KvCache } from "./lazy/cache.ts";
import type { AttentionRows } from "./lazy/divergence.ts";
import { type LazyOption, resolveLazy } from "./lazy/option.ts";
import { densePlan, type LazyPlan } from "./lazy/plan.ts";
import { planFromMetadata } from "./lazy/plan_format.ts";
import { visualSelection, type VisualTokensOption } from "./lazy/visual_tokens.ts";
import { type LoadOptions, loadParts } from "./load.ts";
import type { Setting } from "./model/assemble.ts";
import { Pacer } from "./model/pacer.ts";
import type { Vlm } from "./model/vlm.ts";
import { type EncodedPicture, isEncoded, piecesOf, type Prepared, promptAbout } from "./probe_prompt.ts";
import { Detokenizer } from "./text/detokenizer.ts";

export type { EncodedPicture, Prepared, Setting };

/** What is loaded for a probe: all weights, and a cache of the context under any plan. */
export type ProbeOptions = Omit<LoadOptions, "lazy" | "kv" | "textTokens" | "visualTokens">;

/** What can be tried: each switch is independent of the others. */
export interface ProbeSetting extends Setting {
  /** Image tokens of the tile that go on to the decoder; all, if left out. */
  readonly visualTokens?: VisualTokensOption | undefined;
}

/** What a prompt costs under a setting. */
export interface PromptCost {
  /** Of the pass over the prompt, in milliseconds. */
  readonly prefillMs: number;
  /** Bytes of keys and values that the prompt has in the cache, from the cache itself. */
  readonly kvBytes: number;
}

/** A greedy answer. */
export interface ProbeAnswer extends PromptCost {
  /** With the token that ended it, if one did. */
  readonly ids: readonly number[];
  /** Ids up to and with the first that ends an answer: fewer than there are only where the end is ignored. */
  readonly tokensToEnd: number;
  /** The ids as text. */
  readonly text: string;
}

/** What the network says along a given answer. */
export interface Forced extends PromptCost {
  /** f32 [vocabulary] before each of the ids. */
  readonly logits: readonly Float32Array[];
  /** Of the pass over the answer, in milliseconds. */
  readonly forcedMs: number;
}

/** How an answer is made. */
export interface ProbeAnswerOptions {
  /** The most tokens of the answer; from 1. */
  readonly maxTokens: number;
  /** True: tokens that end an answer do not, so that it has `maxTokens` tokens. */
  readonly ignoreEnd?: boolean;
  /** Ends the work within a token or a layer; what is thrown is its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One loaded pair on which every lazy plan and type of cache can be tried at once, each on the same image tokens: what
 * calibration and evaluation measure with. One request is computed at a time; others wait in order.
 */
export class Probe {
  readonly #lock = new Lock();
  readonly #metadata: GgufMetadata;
  /** Undefined once closed. */
  #open: CaptionerParts | undefined;

  /** For `openProbe`. @param parts Assembled for any plan. */
  constructor(parts: CaptionerParts, metadata: GgufMetadata) {
    this.#open = parts;
    this.#metadata = metadata;
  }

  /** What computes: "wasm-relaxed", "wasm-simd128" or "wasm-plain". */
  get backend(): string {
    return this.#parts.model.vlm.backend.name;
  }

  /** How the weights are held: as the file has them ("file"), or made smaller to fit the budget. */
  get weights(): string {
    return this.#parts.model.weights;
  }

  /** Decoder layers. */
  get layers(): number {
    return this.#parts.model.vlm.language.config.layers;
  }

  /** Elements in one layer's keys of one position: kv heads x head width. */
  get kvWidth(): number {
    const { kvHeads, headWidth } = this.#parts.model.vlm.language.config;
    return kvHeads * headWidth;
  }

  /** The plan in the text model's metadata. @throws {LorisError} `file_invalid` if it is damaged. */
  get carriedPlan(): LazyPlan | undefined {
    return planFromMetadata(this.#metadata, this.layers);
  }

  /** The plan that an option of `load` means for this model. @throws {LorisError} as `load` does. */
  plan(option: LazyOption): LazyPlan {
    return resolveLazy(option, this.#metadata, this.layers);
  }

  /**
   * The image tokens of a picture's one tile.
   *
   * @throws {LorisError} `image_invalid`, `image_unsupported`, `image_too_large`, `closed`; the signal's reason.
   */
  async encode(image: ImageInput, signal?: AbortSignal): Promise<EncodedPicture> {
    const bytes = await readImageBytes(image, this.#parts.maxImageBytes, signal);
    return await this.#alone(signal, async () => {
      const { images, model: { vlm } } = this.#parts;
      const side = vlm.vision.config.imageSize;
      const rows = await vlm.imageTokens(images.decode(bytes, side, side), signal);
      return { kind: "encoded", rows, importance: vlm.vision.importance!.slice() };
    });
  }

  /**
   * Makes the prompt that asks about a picture, by the model's template.
   *
   * @param image If it is not encoded, its image tokens are computed.
   * @throws {LorisError} `context_overflow`, else as {@link Probe.encode}.
   */
  async prepare(image: ImageInput | EncodedPicture, question: string, signal?: AbortSignal): Promise<Prepared> {
    const { tokenizer, template, model } = this.#parts;
    const prompt = promptAbout(tokenizer, template, question, model.vlm.vision.config.tokens);
    this.#checkRoom(prompt.tokens, 1);
    return { ...prompt, picture: isEncoded(image) ? image : await this.encode(image, signal) };
  }

  /**
   * The greedy answer.
   *
   * @throws {LorisError} `argument_invalid`, `context_overflow`, `non_finite`, `closed`; the signal's reason.
   */
  async answer(prepared: Prepared, setting: ProbeSetting, options: ProbeAnswerOptions): Promise<ProbeAnswer> {
    const { maxTokens, ignoreEnd = false, signal } = options;
    if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
      const message = `maxTokens is ${maxTokens}, it must be a whole number from 1`;
      throw new LorisError("argument_invalid", message, { param: "maxTokens" });
    }
    this.#checkRoom(prepared.tokens, maxTokens);
    const { tokenizer } = this.#parts;
    const sampler = new Sampler();
    return await this.#alone(signal, async () => {
      const { vlm, cache, logits: first, ...cost } = await this.#prefill(setting, prepared, signal);
      const { language, backend } = vlm;
      const pacer = new Pacer(signal);
      const ids: number[] = [];
      for (let logits = first;;) {
        const id = await sampler.sample(backend, logits, language.config.vocabulary, language.sampling);
        ids.push(id);
        if (ids.length === maxTokens || (!ignoreEnd && tokenizer.endIds.has(id))) break;
        await pacer.pause();
        logits = await vlm.step(cache, id, pacer);
      }
      const detokenizer = new Detokenizer(tokenizer);
      const text = ids.map((id) => detokenizer.push(id)).join("") + detokenizer.finish();
      const end = ids.findIndex((id) => tokenizer.endIds.has(id));
      return { ...cost, ids, tokensToEnd: end < 0 ? ids.length : end + 1, text };
    });
  }

  /**
   * Which of some answers the network would rather begin with: the one whose first token has the largest logit, of equal ones
   * the earlier.
   *
   * @param candidates Two or more, such as `" No"` and `" Yes"`, that begin with different tokens.
   * @returns its index.
   * @throws {LorisError} `argument_invalid` for candidates that cannot be told apart; `non_finite`, `closed`; the signal's
   * reason.
   */
  async choose(
    prepared: Prepared,
    setting: ProbeSetting,
    candidates: readonly string[],
    signal?: AbortSignal,
  ): Promise<number> {
    const firsts = candidates.map((text) => this.#parts.tokenizer.encodeText(text)[0]);
    if (firsts.length < 2 || firsts.includes(undefined) || new Set(firsts).size < firsts.length) {
      const message = `the candidates ${JSON.stringify(candidates)} begin with the tokens ${firsts.join(", ")}: ` +
        "wanted are two or more, that begin with different tokens";
      throw new LorisError("argument_invalid", message, { param: "candidates" });
    }
    const { logits } = await this.forced(prepared, setting, [0], signal);
    const values = firsts.map((id) => logits[0]![id!]!);
    const wrong = values.find((value) => !Number.isFinite(value));
    if (wrong !== undefined) throw new LorisError("non_finite", `the logit of a candidate is ${wrong}`);
    return values.indexOf(Math.max(...values));
  }

  /**
   * What the network says along a given answer (teacher forcing).
   *
   * @param ids One or more.
   * @throws {LorisError} `context_overflow`, `closed`; the signal's reason.
   */
  async forced(
    prepared: Prepared,
    setting: ProbeSetting,
    ids: readonly number[],
    signal?: AbortSignal,
  ): Promise<Forced> {
    if (ids.length === 0) throw new LorisError("argument_invalid", "there are no ids to follow", { param: "ids" });
    this.#checkRoom(prepared.tokens, ids.length);
    return await this.#alone(signal, async () => {
      const { vlm, cache, logits: address, ...cost } = await this.#prefill(setting, prepared, signal);
      const first = await vlm.backend.read(address, vlm.language.config.vocabulary);
      const started = performance.now();
      const rest = await vlm.force(cache, ids.slice(0, -1), new Pacer(signal));
      return { ...cost, logits: [first, ...rest], forcedMs: performance.now() - started };
    });
  }

  /**
   * How the prompt's last position attends in every layer of the dense model, and which slots are visual.
   *
   * @throws {LorisError} `closed`; the signal's reason.
   */
  async attention(
    prepared: Prepared,
    signal?: AbortSignal,
  ): Promise<{ rows: AttentionRows; visual: readonly number[] }> {
    // a picture's marks and the template's end stand after its tokens, so that there is a last one
    const [after, last] = [prepared.after.subarray(0, -1), prepared.after.at(-1)!];
    const rest = { ...prepared, after };
    return await this.#alone(signal, async () => {
      const { vlm, cache } = await this.#prefill(
        { lazy: densePlan(this.layers) },
        rest,
        signal,
      );
      return { rows: await vlm.attentionOf(cache, last, new Pacer(signal)), visual: prepared.visual };
    });
  }

  /** Gives the model's memory back to the engine's garbage collector; every later use is refused with `closed`. */
  async close(): Promise<void> {
    this.#open = undefined;
    // a request that is being computed ends first
    (await this.#lock.acquire())();
  }

  async #prefill(setting: ProbeSetting, prepared: Prepared, signal: AbortSignal | undefined): Promise<
    PromptCost & { readonly vlm: Vlm; readonly cache: KvCache; readonly logits: number }
  > {
    const { language, vision } = this.#parts.model.vlm;
    const { tokens } = vision.config;
    const selection = visualSelection(setting.visualTokens, tokens, (seed) => new Random(seed));
    const { vlm, cache } = this.#parts.model.under(setting);
    const { logits, prefillMs } = await vlm.prefill(
      cache,
      piecesOf(prepared, selection, language.config.width),
      { signal },
    );
    return { vlm, cache, logits, prefillMs, kvBytes: cache.usedBytes };
  }

  /** One at a time: every setting's cache lies in the same place. */
  async #alone<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const release = await this.#lock.acquire(signal);
    try {
      return await work();
    } finally {
      release();
    }
  }

  #checkRoom(promptTokens: number, answerTokens: number): void {
    const { capacity } = this.#parts.model.cache;
    if (promptTokens + answerTokens <= capacity) return;
    const message = `the prompt has ${promptTokens} tokens and the answer may have ${answerTokens}, the context has ` +
      `${capacity}; load with more contextTokens`;
    throw new LorisError("context_overflow", message, { param: "contextTokens" });
  }

  get #parts(): CaptionerParts {
    if (this.#open) return this.#open;
    throw new LorisError("closed", "the probe was closed; open it again");
  }
}

/**
 * Opens a pair of GGUF files for trials. No weight is left out, and the cache has room for any plan.
 *
 * @throws {LorisError} as `load`.
 */
export async function openProbe(options: ProbeOptions): Promise<Probe> {
  const parts = await loadParts(options, true);
  const { metadata } = await openGguf(options.text, options.signal);
  return new Probe(parts, metadata);
}
