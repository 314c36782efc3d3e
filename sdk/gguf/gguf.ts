import { LorisError } from "../errors.ts";
import type { Source } from "../sources/source.ts";
import { HeaderReader } from "./header_reader.ts";
import { GgufMetadata, type MetadataValue, readValue } from "./metadata.ts";
import { GGML_TYPES, type GgmlTypeName, SUPPORTED_TYPES } from "./types.ts";

export type { GgmlTypeName };

/** A tensor's place in its file. */
export interface GgufTensor {
  /** Such as "blk.0.attn_q.weight". */
  readonly name: string;
  /** Of its weights, such as "Q4_0". */
  readonly type: GgmlTypeName;
  /** ggml's number of the type. */
  readonly typeId: number;
  /** GGUF's order: the contiguous dimension first. */
  readonly shape: readonly number[];
  /** The product of its shape. */
  readonly elements: number;
  /** Of all its blocks. */
  readonly bytes: number;
  /** Offset in its source, in bytes. */
  readonly offset: number;
  /** The file that holds it: of a split set one of several. */
  readonly source: Source;
}

/** An opened GGUF file, or set of split files: everything but the weights themselves. */
export interface GgufFile {
  /** Its source's name; of a split set that of the first file. */
  readonly name: string;
  /** Of the format: 2 or 3. */
  readonly version: number;
  /** Of a split set that of the first file. */
  readonly metadata: GgufMetadata;
  /** By name, in the order of the files. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Every tensor begins at a multiple of so many bytes. */
  readonly alignment: number;
  /** Size of all files together. */
  readonly fileBytes: number;
}

const MAGIC = 0x46554747;
const MAX_DIMENSIONS = 4;
/** Name length, one dimension, type, offset: no tensor's entry is shorter. */
const TENSOR_ENTRY_BYTES = 8 + 4 + 8 + 4 + 8;
/** Key length, type, value: no pair is shorter. */
const PAIR_BYTES = 8 + 4 + 1;

/**
 * Opens a GGUF file of version 2 or 3. A split set (`-00001-of-0000N`) is opened by giving all its files in order.
 *
 * @throws {LorisError} `file_invalid` for anything that contradicts the format or the file's own size,
 * `file_unsupported` for another version or byte order, `source_failed`, or the signal's reason.
 */
export async function openGguf(sources: Source | readonly Source[], signal?: AbortSignal): Promise<GgufFile> {
  const list = Array.isArray(sources) ? sources as readonly Source[] : [sources as Source];
  if (list.length === 0) throw new LorisError("argument_invalid", "no source was given to open as GGUF");
  const parts = [];
  for (const source of list) parts.push(await openOne(source, signal));
  const first = parts[0]!;
  if (parts.length === 1) {
    const count = first.metadata.optionalUint("split.count") ?? 1;
    if (count > 1) {
      throw new LorisError("file_invalid", `${first.name} is one of ${count} split files; give all of them, in order`);
    }
    return first;
  }
  return join(parts);
}

/**
 * Names of all files of a split set, from the name of its first.
 * @returns undefined if the name is not that of a first split file.
 */
export function splitNames(first: string): string[] | undefined {
  const match = /^(.*)-00001-of-(\d{5})(\.gguf)$/.exec(first);
  if (!match) return undefined;
  const [, stem, count, ending] = match;
  const number = (n: number) => String(n).padStart(5, "0");
  return Array.from({ length: Number(count) }, (_, i) => `${stem}-${number(i + 1)}-of-${count}${ending}`);
}

/** @throws {LorisError} `file_unsupported` naming the tensor and its type, if its weights cannot be read. */
export function requireSupported(tensor: GgufTensor): void {
  if (SUPPORTED_TYPES.has(tensor.type)) return;
  throw new LorisError(
    "file_unsupported",
    `${tensor.source.name}: ${tensor.name} has the type ${tensor.type}; readable are ${
      [...SUPPORTED_TYPES].join(", ")
    }`,
  );
}

async function openOne(source: Source, signal?: AbortSignal): Promise<GgufFile> {
  const r = await HeaderReader.open(source, signal);
  if (r.fileBytes < 24) r.fail(`a GGUF file has at least 24 bytes, this one has ${r.fileBytes}`);
  await r.need(24, "the header");
  const magic = r.u32();
  if (magic !== MAGIC) r.fail(`the file does not begin with "GGUF" (found 0x${magic.toString(16).padStart(8, "0")})`);
  const version = r.u32();
  if (version !== 2 && version !== 3) {
    const why = version > 0xffff ? "big-endian files are not supported" : "supported are versions 2 and 3";
    throw new LorisError("file_unsupported", `${source.name}: GGUF version ${version}; ${why}`);
  }
  const tensorCount = r.size("the number of tensors");
  const pairCount = r.size("the number of metadata pairs");
  r.checkCount(tensorCount, TENSOR_ENTRY_BYTES, `a list of ${tensorCount} tensors`);
  r.checkCount(pairCount, PAIR_BYTES, `a list of ${pairCount} metadata pairs`);

  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < pairCount; i++) {
    const key = await r.string("a metadata key");
    if (values.has(key)) r.fail(`the metadata key ${key} occurs twice`);
    await r.need(4, key);
    values.set(key, await readValue(r, r.u32(), key));
  }
  const metadata = new GgufMetadata(source.name, values);
  const alignment = metadata.optionalUint("general.alignment", { max: 1 << 20 }) ?? 32;
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    r.fail(`general.alignment ${alignment} is no power of two`);
  }

  const entries: Omit<GgufTensor, "source">[] = [];
  for (let i = 0; i < tensorCount; i++) entries.push(await readTensor(r, source.name));
  const start = Math.ceil(r.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    const tensor = { ...entry, offset: start + entry.offset, source };
    if (tensors.has(tensor.name)) r.fail(`the tensor ${tensor.name} occurs twice`);
    if (tensor.offset % alignment !== 0) r.fail(`${tensor.name} is not aligned to ${alignment} bytes`);
    if (tensor.offset + tensor.bytes > r.fileBytes) {
      r.fail(`${tensor.name} ends at byte ${tensor.offset + tensor.bytes}, the file has ${r.fileBytes}; it was cut`);
    }
    tensors.set(tensor.name, tensor);
  }
  refuseOverlaps(r, [...tensors.values()]);
  return { name: source.name, version, metadata, tensors, alignment, fileBytes: r.fileBytes };
}

async function readTensor(r: HeaderReader, file: string): Promise<Omit<GgufTensor, "source">> {
  const name = await r.string("a tensor's name");
  await r.need(4, name);
  const dimensions = r.u32();
  if (dimensions === 0 || dimensions > MAX_DIMENSIONS) r.fail(`${name} has ${dimensions} dimensions, not 1 to 4`);
  await r.need(dimensions * 8 + 12, name);
  const shape = Array.from({ length: dimensions }, () => r.size(`a dimension of ${name}`));
  const elements = shape.reduce((a, b) => a * b, 1);
  if (elements === 0 || !Number.isSafeInteger(elements)) {
    r.fail(`${name} has the impossible shape [${shape.join(", ")}]`);
  }
  const typeId = r.u32();
  const type = GGML_TYPES.get(typeId);
  if (!type) {
    throw new LorisError(
      "file_unsupported",
      `${file}: ${name} has the tensor type number ${typeId}, which is not known; it needs a newer version of this SDK`,
    );
  }
  if (shape[0]! % type.blockElements !== 0) {
    r.fail(`${name}: rows of ${shape[0]} elements do not fill blocks of ${type.blockElements} (${type.name})`);
  }
  const bytes = elements / type.blockElements * type.blockBytes;
  return { name, type: type.name, typeId, shape, elements, bytes, offset: r.size(`the offset of ${name}`) };
}

function refuseOverlaps(r: HeaderReader, tensors: GgufTensor[]): void {
  tensors.sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < tensors.length; i++) {
    const [a, b] = [tensors[i - 1]!, tensors[i]!];
    if (a.offset + a.bytes > b.offset) r.fail(`the tensors ${a.name} and ${b.name} overlap`);
  }
}

function join(parts: readonly GgufFile[]): GgufFile {
  const first = parts[0]!;
  const tensors = new Map<string, GgufTensor>();
  for (const [i, part] of parts.entries()) {
    const count = part.metadata.uint("split.count");
    const number = part.metadata.uint("split.no");
    if (count !== parts.length || number !== i) {
      throw new LorisError(
        "file_invalid",
        `${part.name} says that it is part ${number + 1} of ${count}, it was given as part ${i + 1} of ${parts.length}`,
      );
    }
    for (const [name, tensor] of part.tensors) {
      if (tensors.has(name)) {
        throw new LorisError("file_invalid", `${part.name}: the tensor ${name} is in two split files`);
      }
      tensors.set(name, tensor);
    }
  }
  const wanted = first.metadata.optionalUint("split.tensors.count") ?? tensors.size;
  if (wanted !== tensors.size) {
    throw new LorisError("file_invalid", `${first.name}: split.tensors.count is ${wanted}, found were ${tensors.size}`);
  }
  const fileBytes = parts.reduce((sum, part) => sum + part.fileBytes, 0);
  return { ...first, tensors, fileBytes };
}
