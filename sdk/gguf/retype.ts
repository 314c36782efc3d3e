import type { Source } from "../sources/source.ts";
import type { GgufFile, GgufTensor } from "./gguf.ts";
import { HeaderReader } from "./header_reader.ts";
import {
  editedFront,
  encodeChanges,
  type MetadataChanges,
  padding,
  partBytes,
  readFront,
  writeParts,
} from "./pairs.ts";
import { encodeTensor } from "./typed_value.ts";
import type { GgmlType } from "./types.ts";

/** A file that can be written. */
export interface RetypedFile {
  readonly fileBytes: number;
  /**
   * The file's bytes in order; those of an iteration that ends by an error are no file.
   *
   * @param dataOf Makes the bytes of a tensor in its new type: whole blocks in the order of its elements.
   */
  chunks(
    dataOf: (tensor: GgufTensor) => AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void>;
}

/** Keys that say which part of a split set a file is: what is written is whole. */
const SPLIT_KEYS = ["split.no", "split.count", "split.tensors.count"];

/**
 * A GGUF file with some of its tensors in other types, and other metadata. Tensors keep their names, shapes and order; those
 * that stay as they are, and metadata that does not change, are copied byte for byte. A split set becomes one file.
 *
 * @param first The file, or the first of a split set: its metadata are taken.
 * @param types Of those that change.
 * @throws {LorisError} `argument_invalid` for metadata that cannot be written; `source_failed`; or the signal's reason.
 */
export async function retypeTensors(
  first: Source,
  file: GgufFile,
  changes: MetadataChanges,
  types: ReadonlyMap<GgufTensor, GgmlType>,
  signal?: AbortSignal,
): Promise<RetypedFile> {
  const whole = new Map([...SPLIT_KEYS.map((key) => [key, undefined] as const), ...changes]);
  const encoded = encodeChanges(whole);
  const { pairs } = await readFront(first, await HeaderReader.open(first, signal));
  let dataBytes = 0;
  const tensors = [...file.tensors.values()].map((tensor) => {
    const type = types.get(tensor);
    const entry = encodeTensor(tensor.name, tensor.shape, type?.id ?? tensor.typeId, dataBytes);
    const bytes = tensorBytes(tensor, type);
    const gap = padding(bytes, file.alignment);
    dataBytes += bytes + gap.length;
    return { tensor, isRetyped: type !== undefined, entry, gap };
  });
  const header = [...editedFront(pairs, encoded, tensors.length), ...tensors.map(({ entry }) => entry)];
  header.push(padding(partBytes(header), file.alignment));
  return {
    fileBytes: partBytes(header) + dataBytes,
    async *chunks(dataOf, signal) {
      yield* writeParts(first, header, signal);
      for (const { tensor, isRetyped, gap } of tensors) {
        const { source, offset, bytes } = tensor;
        if (isRetyped) yield* dataOf(tensor);
        else yield* writeParts(source, [{ start: offset, end: offset + bytes }], signal);
        if (gap.length > 0) yield gap;
      }
    },
  };
}

/** Bytes of a tensor, in a type if it gets another. */
export function tensorBytes({ elements, bytes }: GgufTensor, type?: GgmlType): number {
  return type ? elements / type.blockElements * type.blockBytes : bytes;
}
