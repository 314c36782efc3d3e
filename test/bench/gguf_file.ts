/** Writes GGUF files whose weights are made tensor by tensor, so that a large file needs no memory of its size. */
import { ByteWriter, string, uint32, type Value, VALUE_TYPES } from "../gguf/write.ts";
import { GGML_TYPES, type GgmlTypeName } from "../../sdk/gguf/types.ts";

/** A tensor to be written; `shape` in GGUF's order, the contiguous dimension first. */
export interface TensorToWrite {
  readonly name: string;
  readonly type: GgmlTypeName;
  readonly shape: readonly number[];
  /** Its bytes, as many as {@link tensorBytes} says. */
  readonly data: () => Uint8Array;
}

const ALIGNMENT = 32;

export const float32 = (v: number): Value => (w) => w.u32(VALUE_TYPES.f32).f32(v);
export const bool = (v: boolean): Value => (w) => w.u32(VALUE_TYPES.bool).u8(v ? 1 : 0);
export { string, uint32 };

export function array(kind: "string" | "i32" | "f32", items: readonly (string | number)[]): Value {
  return (w) => {
    w.u32(VALUE_TYPES.array).u32(VALUE_TYPES[kind]).u64(items.length);
    for (const item of items) {
      if (kind === "string") w.string(item as string);
      else if (kind === "i32") w.i32(item as number);
      else w.f32(item as number);
    }
  };
}

export function typeOf(name: GgmlTypeName): { id: number; blockElements: number; blockBytes: number } {
  for (const type of GGML_TYPES.values()) if (type.name === name) return type;
  throw new RangeError(`no such tensor type: ${name}`);
}

/** Bytes of a tensor of a type and shape. */
export function tensorBytes(type: GgmlTypeName, shape: readonly number[]): number {
  const { blockElements, blockBytes } = typeOf(type);
  if (shape[0]! % blockElements !== 0) throw new RangeError(`${shape[0]} is no multiple of ${type}'s ${blockElements}`);
  return shape.reduce((a, b) => a * b, 1) / blockElements * blockBytes;
}

/** What comes before the tensors' bytes in a GGUF file, version 3, and the bytes of the whole file. */
export function ggufHeader(
  metadata: readonly (readonly [key: string, value: Value])[],
  tensors: readonly Omit<TensorToWrite, "data">[],
): { readonly header: Uint8Array<ArrayBuffer>; readonly fileBytes: number } {
  const header = new ByteWriter().raw(new TextEncoder().encode("GGUF")).u32(3);
  header.u64(tensors.length).u64(metadata.length);
  for (const [key, value] of metadata) value(header.string(key));
  let offset = 0;
  for (const { name, type, shape } of tensors) {
    header.string(name).u32(shape.length);
    for (const dimension of shape) header.u64(dimension);
    header.u32(typeOf(type).id).u64(offset);
    offset += aligned(tensorBytes(type, shape));
  }
  const bytes = header.pad(ALIGNMENT).bytes();
  return { header: bytes, fileBytes: bytes.length + offset };
}

/** A GGUF file, version 3, part by part. */
function* ggufParts(metadata: Parameters<typeof ggufHeader>[0], tensors: readonly TensorToWrite[]) {
  yield ggufHeader(metadata, tensors).header;
  for (const { name, type, shape, data } of tensors) {
    const bytes = data();
    const wanted = tensorBytes(type, shape);
    if (bytes.length !== wanted) throw new RangeError(`${name} has ${bytes.length} bytes, it must have ${wanted}`);
    const padded = new Uint8Array(aligned(wanted));
    padded.set(bytes);
    yield padded;
  }
}

/** Writes a GGUF file, version 3. */
export async function writeGgufFile(
  path: string,
  metadata: readonly (readonly [key: string, value: Value])[],
  tensors: readonly TensorToWrite[],
): Promise<void> {
  const writer = (await Deno.create(path)).writable.getWriter();
  for (const part of ggufParts(metadata, tensors)) await writer.write(part);
  await writer.close();
}

/** The bytes of a GGUF file, version 3, for one that is small. */
export function ggufBytes(
  metadata: readonly (readonly [key: string, value: Value])[],
  tensors: readonly TensorToWrite[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ggufHeader(metadata, tensors).fileBytes);
  let at = 0;
  for (const part of ggufParts(metadata, tensors)) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
