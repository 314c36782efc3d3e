/** A seeded pair of a few dozen kilobytes: loading it and answering with it take milliseconds, so that tests can fail it everywhere. */
import {
  type ModelShape,
  textParameters,
  textTensors,
  visionMetadata,
  visionTensors,
} from "../bench/generate_model.ts";
import { array, bool, ggufBytes, string, type TensorToWrite, uint32 } from "../bench/gguf_file.ts";
import type { Value } from "../gguf/write.ts";
import { tinyData } from "../text/tiny.ts";

const data = tinyData();

export const TINY: ModelShape = {
  text: { layers: 2, width: 64, heads: 2, kvHeads: 1, hidden: 96, vocabulary: data.tokens.length },
  vision: { layers: 3, width: 64, heads: 2, hidden: 96, side: 32, patch: 8, shuffle: 2 },
};

/** Metadata to be written instead, or besides; undefined: the key is left out. */
export type Changes = Readonly<Record<string, Value | undefined>>;
type Metadata = readonly (readonly [key: string, value: Value])[];

/** Of weights by which an answer has some words. */
const SEED = 3;

/**
 * The bytes of both files, with other metadata where that is wanted: a key that neither has goes into the one whose prefix it
 * has, "llama." or "clip.". Another seed: files of the same form.
 */
export function tinyPair(
  changes: Changes = {},
  seed = SEED,
): { text: Uint8Array<ArrayBuffer>; vision: Uint8Array<ArrayBuffer> } {
  const text: Metadata = [...textParameters(TINY), ...tokenizer()];
  return {
    text: file(text, textTensors(TINY, "Q8_0", seed), changes),
    vision: file(visionMetadata(TINY), visionTensors(TINY, "Q8_0", seed), changes),
  };
}

function tokenizer(): Metadata {
  return [
    ["tokenizer.ggml.model", string(data.model)],
    ["tokenizer.ggml.pre", string(data.pre)],
    ["tokenizer.ggml.tokens", array("string", data.tokens)],
    ["tokenizer.ggml.token_type", array("i32", data.tokenTypes)],
    ["tokenizer.ggml.merges", array("string", data.merges)],
    ["tokenizer.ggml.eos_token_id", uint32(data.eosId!)],
    ["tokenizer.ggml.add_bos_token", bool(data.addBos)],
  ];
}

function file(metadata: Metadata, tensors: readonly TensorToWrite[], changes: Changes): Uint8Array<ArrayBuffer> {
  const known = new Set(metadata.map(([key]) => key));
  const prefix = known.has("llama.block_count") ? "llama." : "clip.";
  const added = Object.entries(changes).filter(([key]) => key.startsWith(prefix) && !known.has(key));
  const changed = metadata.map(([key, value]) => [key, key in changes ? changes[key] : value] as const);
  return ggufBytes(
    [...changed, ...added].filter((pair): pair is readonly [string, Value] => pair[1] !== undefined),
    tensors,
  );
}
