/**
 * What is in GGUF files, and whether a pair fits a memory budget, without loading a weight.
 *
 * @example
 * ```ts
 * import { packagedKernels } from "loris";
 * import { fitVerdict, openGguf, typeSummary } from "loris/inspect";
 * import { fileSource } from "loris/sources/file";
 *
 * const text = await openGguf(fileSource("text.gguf"));
 * const vision = await openGguf(fileSource("mmproj.gguf"));
 * console.log(text.metadata.string("general.name"), typeSummary(text));
 *
 * const kernels = await packagedKernels("relaxed");
 * const { fits, weights } = await fitVerdict(text, vision, kernels, {
 *   memoryBudget: 64 * 2 ** 20,
 *   weights: "auto",
 *   contextTokens: 1024,
 * });
 * console.log(fits ? `fits, weights: ${weights}` : "does not fit");
 * ```
 *
 * @module
 */
import type { Backend } from "./backend/backend.ts";
import { WasmBackend } from "./backend/wasm/backend.ts";
import { LorisError } from "./errors.ts";
import type { GgufFile } from "./gguf/gguf.ts";
import { SUPPORTED_TYPES } from "./gguf/types.ts";
import { Random } from "./generate/random.ts";
import type { LazyOption } from "./lazy/option.ts";
import { visualSelection, type VisualTokensOption } from "./lazy/visual_tokens.ts";
import { type Part, sumOf } from "./memory/plan.ts";
import { findPlan, type KvType, type ModelPlan, tooLarge } from "./model/assemble.ts";
import { checkPair } from "./model/pair.ts";
import { groupBy } from "./platform/group.ts";

export { type GgufFile, type GgufTensor, openGguf } from "./gguf/gguf.ts";
export type { GgufMetadata, MetadataArray, MetadataValue, Range } from "./gguf/metadata.ts";
export type { GgmlTypeName } from "./gguf/types.ts";
export type { Part } from "./memory/plan.ts";

/** Tensors of one type. */
export interface TypeSummary {
  /** As GGUF's tools write it, such as "Q4_0". */
  readonly type: string;
  /** How many tensors are of it. */
  readonly tensors: number;
  /** Of all of them together. */
  readonly bytes: number;
  /** False if weights of this type cannot be read. */
  readonly supported: boolean;
}

/** Tensors by type, the largest share first. */
export function typeSummary(file: GgufFile): TypeSummary[] {
  const groups = groupBy(file.tensors.values(), (tensor) => tensor.type);
  return [...groups].map(([type, tensors]) => ({
    type,
    tensors: tensors.length,
    bytes: tensors.reduce((sum, t) => sum + t.bytes, 0),
    supported: SUPPORTED_TYPES.has(type),
  })).sort((a, b) => b.bytes - a.bytes);
}

/** What a load is planned with. */
export interface FitOptions {
  /** Bytes for everything: the model, its caches and the picture decoder. */
  readonly memoryBudget: number;
  /** As `weights` of `load`. */
  readonly weights: "auto" | "q4-all" | "q4" | "q8" | "f16";
  /** As `visionWeights` of `load`; "auto" if left out. */
  readonly visionWeights?: "auto" | "resident" | "streamed" | undefined;
  /** Positions of the KV cache, in tokens; as many as fit, 2048 at most, if undefined. */
  readonly contextTokens: number | undefined;
  /** Elements of the KV cache; "f16" if left out. */
  readonly kv?: KvType | undefined;
  /** As `textTokens` of `load`. */
  readonly textTokens?: number | undefined;
  /** Conversations that are computed at once, each with a cache of its own; 1 if left out. */
  readonly conversations?: number | undefined;
  /** Tiles whose image tokens are kept for later; 0 if left out. */
  readonly keptTiles?: number | undefined;
  /** As `lazy` of `load`; "off" if left out. */
  readonly lazy?: LazyOption | undefined;
  /** As `visualTokens` of `load`; all if left out. */
  readonly visualTokens?: VisualTokensOption | undefined;
}

/** Whether a pair fits a budget, and how: of the first way that fits, else of the smallest. */
export interface FitVerdict {
  /** True if some way to hold the weights is within the budget. */
  readonly fits: boolean;
  /** The same in words, such as "fits with 4-bit weights". */
  readonly verdict: string;
  /** How the weights would be held: "file", "q8", "q4", "q4-all" or "f16". */
  readonly weights: string;
  /** Whether the encoder's layers would stay in memory or be read for each picture. */
  readonly visionWeights: "resident" | "streamed";
  /** Positions of the KV cache: those asked for, or as many as fit. */
  readonly contextTokens: number;
  /** The plan, part by part, in bytes. */
  readonly parts: readonly Part[];
  /** Their sum. */
  readonly neededBytes: number;
  /** What it was to fit. */
  readonly budgetBytes: number;
  /** By how much the sum is over the budget. */
  readonly missingBytes: number;
  /** Why it does not fit. */
  readonly reason?: string;
  /** What would fit, where this does not; a larger budget, of `neededBytes`, always does. */
  readonly remedies?: readonly Remedy[];
}

/** Options that would make a pair fit, and what it needs with them. */
export interface Remedy {
  /** In the place of what was asked for. */
  readonly change: Partial<Pick<FitOptions, "weights" | "visionWeights" | "contextTokens" | "kv" | "lazy">>;
  /** With the change. */
  readonly neededBytes: number;
}

/**
 * Plans a load without loading.
 *
 * @param kernels The build that is to be loaded: builds differ by some bytes of their own.
 * @throws {LorisError} what `load` would throw for the pair itself.
 */
export async function fitVerdict(
  text: GgufFile,
  vision: GgufFile,
  kernels: WebAssembly.Module,
  options: FitOptions,
): Promise<FitVerdict> {
  const backend = await WasmBackend.create(kernels, "simd128", options.memoryBudget);
  const found = find(backend, text, vision, options);
  const { plan, fits, asked } = found;
  const { choice, parts } = plan;
  const neededBytes = sumOf(parts);
  return {
    fits,
    verdict: fits ? inWords(plan) : "does not fit",
    ...{ weights: choice.level, visionWeights: choice.visionWeights, contextTokens: choice.contextTokens },
    ...{ parts, neededBytes, budgetBytes: options.memoryBudget },
    missingBytes: Math.max(0, neededBytes - options.memoryBudget),
    ...(fits
      ? {}
      : { reason: tooLarge(plan, asked).message, remedies: remedies(backend, text, vision, options, found) }),
  };
}

function find(backend: Backend, text: GgufFile, vision: GgufFile, options: FitOptions) {
  const pair = checkPair(text, vision, options.lazy);
  const visualTokens = visualSelection(options.visualTokens, pair.visionConfig.tokens, (seed) => new Random(seed));
  const asked = { ...options, visualTokens };
  return { ...findPlan(backend, pair, asked), asked, pair };
}

const LEVELS = { file: "", f16: "16-bit weights", q8: "8-bit weights", q4: "4-bit weights", "q4-all": "4-bit weights" };

function inWords({ choice: { level, visionWeights } }: ModelPlan): string {
  const with_ = [LEVELS[level], visionWeights === "streamed" ? "the vision model streamed for each picture" : ""];
  const said = with_.filter((words) => words !== "").join(" and ");
  return said === "" ? "fits" : `fits with ${said}`;
}

/** Every single change that makes it fit; all of them together if none does alone. */
function remedies(
  backend: Backend,
  text: GgufFile,
  vision: GgufFile,
  options: FitOptions,
  { asked, pair }: ReturnType<typeof find>,
): Remedy[] {
  const remedy = (change: Remedy["change"]): Remedy[] => {
    try {
      const { plan, fits } = find(backend, text, vision, { ...options, ...change });
      return fits ? [{ change, neededBytes: sumOf(plan.parts) }] : [];
    } catch (error) {
      // a plan that the model carries and that is damaged, a context that leaves text no room: no remedy
      if (error instanceof LorisError) return [];
      throw error;
    }
  };
  const least = (asked.visualTokens?.keep ?? pair.visionConfig.tokens) + LEAST_TEXT_TOKENS;
  const context = options.contextTokens === undefined ? [] : longestContext(options.contextTokens, least, remedy);
  const caches: Remedy["change"][] = [
    ...(options.kv === "q8" ? [] : [{ kv: "q8" } as const]),
    // of no effect where the model carries no plan
    ...((options.lazy ?? "off") === "off" ? [{ lazy: "auto" } as const] : []),
  ];
  const smaller = (["q8", "q4", "q4-all"] as const).filter((level) => rank(level) > rank(options.weights))
    .map((weights): Remedy["change"] => ({ weights }));
  const streams: Remedy["change"][] = options.visionWeights === "resident" ? [{ visionWeights: "streamed" }] : [];
  const mildest = smaller.flatMap(remedy).slice(0, 1);
  const alone = [...context, ...caches.flatMap(remedy), ...mildest, ...streams.flatMap(remedy)];
  if (alone.length > 0) return alone;
  const shortest = (options.contextTokens ?? 0) > least ? { contextTokens: least } : {};
  return remedy(Object.assign({}, shortest, ...caches, ...smaller.slice(-1), ...streams));
}

/** A context that holds less beside a picture is none. */
const LEAST_TEXT_TOKENS = 64;

function rank(level: FitOptions["weights"]): number {
  // "auto" has tried what is smaller than the file's, and the smallest where the encoder is streamed
  return ["f16", "q8", "auto", "q4", "q4-all"].indexOf(level);
}

/** The longest context under the one that was asked for, in steps of 64 tokens. */
function longestContext(asked: number, least: number, remedy: (change: Remedy["change"]) => Remedy[]): Remedy[] {
  let [low, high] = [Math.ceil(least / 64), Math.ceil(asked / 64) - 1];
  let found: Remedy[] = [];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const fits = remedy({ contextTokens: middle * 64 });
    if (fits.length > 0) [found, low] = [fits, middle + 1];
    else high = middle - 1;
  }
  return found;
}
