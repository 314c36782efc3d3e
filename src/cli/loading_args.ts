import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import type { VisualTokensOption } from "../../sdk/lazy/visual_tokens.ts";
import { oneOf, parseBytes, UsageError, whole } from "./values.ts";

/** Options that say which model is loaded, and how. */
export const LOADING_OPTIONS = {
  model: { type: "string" },
  text: { type: "string" },
  vision: { type: "string" },
  weights: { type: "string" },
  "vision-weights": { type: "string" },
  "memory-budget": { type: "string" },
  budget: { type: "string" },
  lazy: { type: "string" },
  kv: { type: "string" },
  "text-tokens": { type: "string" },
  "visual-tokens": { type: "string" },
  context: { type: "string" },
  backend: { type: "string" },
  kernels: { type: "string" },
} as const;

/** The same, understood; what was not given is undefined. */
export interface LoadingArguments {
  readonly model?: string | undefined;
  readonly text?: string | undefined;
  readonly vision?: string | undefined;
  readonly weights?: "auto" | "q4-all" | "q4" | "q8" | "f16" | undefined;
  readonly visionWeights?: "auto" | "resident" | "streamed" | undefined;
  readonly memoryBudget?: number | undefined;
  /** "off", "auto", "gla", "vla", or a JSON file with a plan. */
  readonly lazy?: string | undefined;
  readonly kv?: "f16" | "q8" | "f32" | undefined;
  readonly textTokens?: number | undefined;
  readonly visualTokens?: VisualTokensOption | undefined;
  readonly contextTokens?: number | undefined;
  readonly backend?: "auto" | "wasm" | "webgpu" | undefined;
  readonly kernels?: "relaxed" | "simd128" | "plain" | undefined;
}

/** @throws {UsageError} */
export function loadingArguments(
  values: { readonly [Name in keyof typeof LOADING_OPTIONS]?: string | undefined },
): LoadingArguments {
  if (values.model !== undefined && (values.text !== undefined || values.vision !== undefined)) {
    throw new UsageError("give --model, or --text and --vision, not both");
  }
  if ((values.text === undefined) !== (values.vision === undefined)) {
    throw new UsageError("--text and --vision go together");
  }
  if (values.budget !== undefined && values["memory-budget"] !== undefined) {
    throw new UsageError("--budget is short for --memory-budget; give one of them");
  }
  const budget = values["memory-budget"] ?? values.budget;
  return {
    model: values.model,
    text: values.text,
    vision: values.vision,
    weights: oneOf("--weights", values.weights, ["auto", "q4-all", "q4", "q8", "f16"]),
    visionWeights: oneOf("--vision-weights", values["vision-weights"], ["auto", "resident", "streamed"]),
    memoryBudget: budget === undefined ? undefined : parseBytes("--memory-budget", budget),
    lazy: values.lazy,
    kv: oneOf("--kv", values.kv, ["f16", "q8", "f32"]),
    textTokens: whole("--text-tokens", values["text-tokens"], 8),
    visualTokens: visualTokens(values["visual-tokens"]),
    contextTokens: whole("--context", values.context, 8),
    backend: oneOf("--backend", values.backend, ["auto", "wasm", "webgpu"]),
    kernels: oneOf("--kernels", values.kernels, ["relaxed", "simd128", "plain"]),
  };
}

/** As Node's `parseArgs`, with its complaints in one line. @throws {UsageError} */
export function parseCommandLine<const Options extends ParseArgsOptionsConfig>(
  argv: readonly string[],
  options: Options,
  seeHelp: string,
) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    const [first] = (error as Error).message.split(". ");
    // where a value begins with a dash the advice comes on further lines
    throw new UsageError(`${first!.replaceAll("\n", " ")}; ${seeHelp}`);
  }
}

function visualTokens(text: string | undefined): VisualTokensOption | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)(,random(?:=(\d+))?)?(,drop)?$/.exec(text);
  if (!match) {
    const message = `--visual-tokens is "${text}", it must be N or N,random or N,random=SEED, and may end in ,drop`;
    throw new UsageError(message);
  }
  const [, keep, random, seed, drop] = match;
  return { keep: Number(keep), by: random ? "random" : "attention", seed: Number(seed ?? 0), merge: !drop };
}
