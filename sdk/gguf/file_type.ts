import { groupBy } from "../platform/group.ts";
import type { GgufFile, GgufTensor } from "./gguf.ts";
import type { MetadataChanges } from "./pairs.ts";
import type { GgmlType, GgmlTypeName } from "./types.ts";

/** llama.cpp's number of a file whose matrices are mostly of a type. Source: `llama_ftype`, and what its loader guesses. */
const FILE_TYPES: Partial<Record<GgmlTypeName, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  BF16: 32,
};
/** Of ggml's block formats since May 2023. */
const QUANTIZATION_VERSION = 2;

/** What a quantized file says of its weights as a whole. @param types Those that differ from the file's. */
export function fileTypeMetadata(file: GgufFile, types: ReadonlyMap<GgufTensor, GgmlType>): MetadataChanges {
  const matrices = [...file.tensors.values()].filter(({ shape }) => shape.length > 1);
  const groups = groupBy(matrices, (tensor) => types.get(tensor)?.name ?? tensor.type);
  const [most] = [...groups].sort(([, a], [, b]) => b.length - a.length)[0]!;
  const fileType = FILE_TYPES[most];
  return new Map([
    ["general.file_type", fileType === undefined ? undefined : { type: "uint32", value: fileType }],
    ["general.quantization_version", { type: "uint32", value: QUANTIZATION_VERSION }],
  ]);
}
