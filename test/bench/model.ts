import type { Backend } from "../../sdk/backend/backend.ts";
import { densePlan, type LazyPlan } from "../../sdk/lazy/plan.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { type GgufFile, openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { assemble, type Assembled, type AssembleOptions, planModel } from "../../sdk/model/assemble.ts";
import { languageConfig, visionConfig } from "../../sdk/model/config.ts";
import type { Pair } from "../../sdk/model/pair.ts";
import { languageTensors, visionTensors } from "../../sdk/model/tensors.ts";
import { loadWeights } from "../../sdk/model/weights.ts";
import { fileSource } from "../../sdk/sources/file.ts";

/** Paths of a pair of files. */
export interface PairPaths {
  readonly text: string;
  readonly vision: string;
}

const here = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
export const NANO: PairPaths = {
  text: here("models/nano/nano-text-q4_0.gguf"),
  vision: here("models/nano/nano-mmproj-q8_0.gguf"),
};

const MEMORY_BUDGET = 768 << 20;

/** What {@link openPair} may be told beside the files. */
export interface OpenOptions extends Partial<Omit<AssembleOptions, "contextTokens">> {
  /** No layer is lazy, if left out. */
  readonly lazy?: LazyPlan;
  /** Puts something between the networks and the kernels. */
  readonly wrap?: (backend: WasmBackend) => Backend;
}

/** A pair as it was opened, and where it computes. */
export interface Opened {
  readonly model: Assembled;
  readonly pair: Pair;
  readonly backend: WasmBackend;
}

/**
 * Loads a pair as the product does, but asks for no image token: a text-only model may stand beside any encoder of its width.
 *
 * @param backend Without memory yet.
 */
export async function openOn(
  backend: Backend,
  paths: PairPaths,
  contextTokens: number,
  options: Omit<OpenOptions, "wrap"> = {},
): Promise<Omit<Opened, "backend">> {
  const sources = [fileSource(paths.text), fileSource(paths.vision)];
  const [text, vision] = await Promise.all(sources.map((source) => openGguf(source))) as [GgufFile, GgufFile];
  const pair = { text, vision, languageConfig: languageConfig(text), visionConfig: visionConfig(vision) };
  const { memoryBudget = MEMORY_BUDGET, weights = "auto", ...rest } = options;
  const lazy = options.lazy ?? densePlan(pair.languageConfig.layers);
  const whole = {
    ...{ ...pair, lazy, visionTensors: visionTensors(vision, pair.visionConfig) },
    languageTensors: languageTensors(text, pair.languageConfig, lazy),
  };
  const plan = planModel(backend, whole, { ...rest, memoryBudget, weights, contextTokens });
  const model = assemble(backend, whole, plan);
  await loadWeights(backend, model.placed, model.scratch);
  await Promise.all(sources.map((source) => source.close()));
  return { model, pair: whole };
}

/** The same on the relaxed kernels. */
export async function openPair(paths: PairPaths, contextTokens: number, options: OpenOptions = {}): Promise<Opened> {
  const { wrap = (backend) => backend, ...rest } = options;
  const memoryBudget = options.memoryBudget ?? MEMORY_BUDGET;
  const backend = await WasmBackend.create(await packagedKernels("relaxed"), "relaxed", memoryBudget);
  return { ...await openOn(wrap(backend), paths, contextTokens, rest), backend };
}

/** The model alone of {@link openPair}. */
export async function openModel(
  paths: PairPaths,
  contextTokens: number,
  options: OpenOptions = {},
): Promise<Assembled> {
  return (await openPair(paths, contextTokens, options)).model;
}

/** A tile of a network's size; its pixels do not matter to the time. */
export function anyTile({ vlm }: Assembled): Uint8Array {
  const side = vlm.vision.config.imageSize;
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255);
}

/** Token ids without a pattern, below a vocabulary's size; the same for the same seed. */
export function anyIds(count: number, vocabulary: number, seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % vocabulary;
  });
}
