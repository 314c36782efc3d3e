import { LorisError } from "../errors.ts";
import type { GgufFile } from "../gguf/gguf.ts";
import { type LazyOption, resolveLazy } from "../lazy/option.ts";
import type { LazyPlan } from "../lazy/plan.ts";
import { type LanguageConfig, languageConfig, type VisionConfig, visionConfig } from "./config.ts";
import {
  type LanguageTensors,
  languageTensors,
  type NeededTensor,
  type VisionTensors,
  visionTensors,
} from "./tensors.ts";

/** The token whose positions a picture's embeddings take. */
export const IMAGE_TOKEN = "<image>";

/** Two files that belong together, checked before anything is computed or allocated. */
export interface Pair {
  readonly text: GgufFile;
  readonly vision: GgufFile;
  readonly languageConfig: LanguageConfig;
  readonly lazy: LazyPlan;
  readonly visionConfig: VisionConfig;
  readonly languageTensors: LanguageTensors<NeededTensor, NeededTensor>;
  readonly visionTensors: VisionTensors<NeededTensor, NeededTensor>;
}

/**
 * @throws {LorisError} `pair_mismatch` if the files are swapped, the same, or of different widths, or the text model
 * has no image token; `argument_invalid` for a lazy plan that is not of this model; `file_invalid` and `file_unsupported` for either file alone.
 */
export function checkPair(text: GgufFile, vision: GgufFile, option: LazyOption = "off"): Pair {
  const [language, picture] = [languageConfig(text), visionConfig(vision)];
  if (picture.projection !== language.width) {
    throw new LorisError(
      "pair_mismatch",
      `${vision.name} makes image tokens of width ${picture.projection}, ${text.name} has the width ${language.width}; ` +
        "the two files are of different models",
      { param: "vision" },
    );
  }
  if (!text.metadata.strings("tokenizer.ggml.tokens").includes(IMAGE_TOKEN)) {
    throw new LorisError(
      "pair_mismatch",
      `${text.name} has no token ${IMAGE_TOKEN} for the image tokens that ${vision.name} makes; it is a text-only model`,
      { param: "text" },
    );
  }
  const lazy = resolveLazy(option, text.metadata, language.layers);
  return {
    text,
    vision,
    lazy,
    languageConfig: language,
    visionConfig: picture,
    languageTensors: languageTensors(text, language, lazy),
    visionTensors: visionTensors(vision, picture),
  };
}
