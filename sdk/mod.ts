/**
 * Loris: small multimodal language models inside the isolate. `load` a pair of GGUF files, then ask.
 *
 * @example
 * ```ts
 * import { load } from "loris";
 * import { fileSource } from "loris/sources/file";
 *
 * const captioner = await load({
 *   text: fileSource("text.gguf"),
 *   vision: fileSource("mmproj.gguf"),
 * });
 * const photo = await Deno.readFile("photo.jpg");
 * for await (const piece of captioner.caption(photo)) console.log(piece);
 *
 * const prompt = "Is there a dog in this image?";
 * const answer = captioner.caption(photo, { prompt, maxTokens: 8 });
 * const { text, usage } = await answer.result;
 * console.log(text, usage.cachedTokens);
 * await captioner.close();
 * ```
 *
 * @module
 */
export { load, type LoadOptions, packagedKernels } from "./load.ts";
export type { KernelBuild } from "./backend/wasm/build.ts";
export type { BackendOption, WebGpu } from "./backend_choice.ts";
export type { LoadProgress } from "./model/weights.ts";
export type { Captioner } from "./captioner.ts";
export type { CaptionOptions, ChatOptions, ChatResult, ContentPart, Message, Timings, Usage } from "./chat.ts";
export type { LazyReport, MemoryReport } from "./reports.ts";
export type { KvType } from "./model/assemble.ts";
export type { LazyOption } from "./lazy/option.ts";
export type { LazyMode, LazyPlan } from "./lazy/plan.ts";
export type { VisualTokensOption } from "./lazy/visual_tokens.ts";
export type { Answer } from "./answer.ts";
export type { ImageInput } from "./image/input.ts";
export type { Detail } from "./image/tiles.ts";
export type { LogprobsOptions, TokenLogprob, TokenProbability } from "./generate/logprobs.ts";
export type { JsonSchema, ResponseFormat } from "./generate/response_format.ts";
export type { SamplingOptions } from "./generate/sampling.ts";
export type { Delta } from "./generate/token_log.ts";
export { LorisError, type LorisErrorCode } from "./errors.ts";
export type { Source } from "./sources/source.ts";
