import type { Backend } from "../../sdk/backend/backend.ts";
import { densePlan } from "../../sdk/lazy/plan.ts";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { type GgufFile, openGguf } from "../../sdk/gguf/gguf.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { assemble, type Assembled, planModel } from "../../sdk/model/assemble.ts";
import { languageConfig, visionConfig } from "../../sdk/model/config.ts";
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

/**
 * Loads a pair as the product does, on the relaxed kernels, but asks for no image token: a text-only model may stand beside any
 * encoder of its width.
 *
 * @param wrap Puts something between the networks and the kernels.
 */
export async function openModel(
  paths: PairPaths,
  contextTokens: number,
  wrap: (backend: Backend) => Backend = (backend) => backend,
): Promise<Assembled> {
  const sources = [fileSource(paths.text), fileSource(paths.vision)];
  const [text, vision] = await Promise.all(sources.map((source) => openGguf(source))) as [GgufFile, GgufFile];
  const language = languageConfig(text);
  const lazy = densePlan(language.layers);
  const pair = { text, vision, lazy, languageConfig: language, visionConfig: visionConfig(vision) };
  const tensors = {
    languageTensors: languageTensors(text, pair.languageConfig, pair.lazy),
    visionTensors: visionTensors(vision, pair.visionConfig),
  };
  const memoryBudget = 768 << 20;
  const backend = wrap(await WasmBackend.create(await packagedKernels("relaxed"), "relaxed", memoryBudget));
  const whole = { ...pair, ...tensors };
  const assembled = assemble(
    backend,
    whole,
    planModel(backend, whole, { memoryBudget, weights: "auto", contextTokens }),
  );
  await loadWeights(backend, assembled.placed, assembled.scratch);
  await Promise.all(sources.map((source) => source.close()));
  return assembled;
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
