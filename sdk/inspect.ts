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
import { WasmBackend } from "./backend/wasm/backend.ts";
import { LorisError } from "./errors.ts";
import type { GgufFile } from "./gguf/gguf.ts";
import { SUPPORTED_TYPES } from "./gguf/types.ts";
import { Random } from "./generate/random.ts";
import type { LazyOption } from "./lazy/option.ts";
import { visualSelection, type VisualTokensOption } from "./lazy/visual_tokens.ts";
import { type KvType, planModel } from "./model/assemble.ts";
import { checkPair } from "./model/pair.ts";
import { groupBy } from "./platform/group.ts";

export { type GgufFile, type GgufTensor, openGguf } from "./gguf/gguf.ts";
export type { GgufMetadata, MetadataArray, MetadataValue, Range } from "./gguf/metadata.ts";
export type { GgmlTypeName } from "./gguf/types.ts";

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

/** Whether a pair fits a budget, and how. */
export interface FitVerdict {
  /** True if some way to hold the weights is within the budget. */
  readonly fits: boolean;
  /** How the weights would be held: "file", "q8", "q4", "q4-all" or "f16". */
  readonly weights?: string;
  /** Whether the encoder's layers would stay in memory or be read for each picture. */
  readonly visionWeights?: "resident" | "streamed";
  /** Positions of the KV cache: those asked for, or as many as fit. */
  readonly contextTokens?: number;
  /** The plan, part by part, in bytes. */
  readonly parts?: readonly { readonly name: string; readonly bytes: number }[];
  /** Why it does not fit. */
  readonly reason?: string;
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
  const pair = checkPair(text, vision, options.lazy);
  const visualTokens = visualSelection(options.visualTokens, pair.visionConfig.tokens, (seed) => new Random(seed));
  const backend = await WasmBackend.create(kernels, "simd128", options.memoryBudget);
  try {
    const { choice, parts } = planModel(backend, pair, { ...options, visualTokens });
    const { level: weights, visionWeights, contextTokens } = choice;
    return { fits: true, weights, visionWeights, contextTokens, parts };
  } catch (error) {
    if (error instanceof LorisError && error.code === "memory_budget") return { fits: false, reason: error.message };
    throw error;
  }
}
