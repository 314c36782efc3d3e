/** What is asked of a model, and what comes back. */
import type { LogprobsOptions, TokenLogprob } from "./generate/logprobs.ts";
import type { ResponseFormat } from "./generate/response_format.ts";
import type { SamplingOptions } from "./generate/sampling.ts";
import type { ImageInput } from "./image/input.ts";
import type { Detail } from "./image/tiles.ts";

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

/** What is asked of a picture, if nothing else. */
export const DEFAULT_PROMPT = "Describe this image.";
