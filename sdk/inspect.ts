import { WasmBackend } from "./backend/wasm/backend.ts";
import { LorisError } from "./errors.ts";
import type { GgufFile } from "./gguf/gguf.ts";
import { SUPPORTED_TYPES } from "./gguf/types.ts";
import { Random } from "./generate/random.ts";
import type { LazyOption } from "./lazy/option.ts";
import { visualSelection, type VisualTokensOption } from "./lazy/visual_tokens.ts";
import { type AssembleOptions, planModel } from "./model/assemble.ts";
import { checkPair } from "./model/pair.ts";
import { groupBy } from "./platform/group.ts";

/** Tensors of one type. */
export interface TypeSummary {
  readonly type: string;
  readonly tensors: number;
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
export interface FitOptions extends Omit<AssembleOptions, "visualTokens"> {
  readonly lazy?: LazyOption | undefined;
  readonly visualTokens?: VisualTokensOption | undefined;
}

/** Whether a pair fits a budget, and how. */
export interface FitVerdict {
  readonly fits: boolean;
  /** How the weights would be held: "file", "q8", "q4", "q4-all" or "f16". */
  readonly weights?: string;
  /** Whether the encoder's layers would stay in memory or be read for each picture. */
  readonly visionWeights?: "resident" | "streamed";
  readonly contextTokens?: number;
  /** The plan, part by part, in bytes. */
  readonly parts?: readonly { readonly name: string; readonly bytes: number }[];
  /** Why it does not fit. */
  readonly reason?: string;
}

/**
 * Plans a load without loading.
 *
 * @param kernels Any build's module: the plan is the same for all SIMD builds.
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
