/**
 * A GGUF file with other metadata, without holding it in memory.
 *
 * @example
 * ```ts
 * import { rewriteMetadata } from "loris/gguf/rewrite";
 * import { fileSource } from "loris/sources/file";
 *
 * const source = fileSource("text.gguf");
 * const changes = new Map([
 *   ["general.name", { type: "string", value: "my model" } as const],
 * ]);
 * const file = ReadableStream.from(rewriteMetadata(source, changes));
 * await Deno.writeFile("renamed.gguf", file);
 * await source.close();
 * ```
 *
 * @module
 */
import { LorisError } from "../errors.ts";
import { checkLength } from "../sources/check.ts";
import type { Source } from "../sources/source.ts";
import { openGguf } from "./gguf.ts";
import { HeaderReader } from "./header_reader.ts";
import { GgufMetadata, type MetadataValue, readValue } from "./metadata.ts";
import { encodePair, type NumberType, type TypedValue, uint64 } from "./typed_value.ts";

export type { NumberType, TypedValue };

/** What becomes of metadata keys: set to a value (where it stands, or at the end if new), or removed if undefined. */
export type MetadataChanges = ReadonlyMap<string, TypedValue | undefined>;

/** Large enough that a read's own cost does not count, small enough to hold. */
const CHUNK_BYTES = 1 << 20;
const MAGIC = 0x46554747;
/** Of the number of metadata pairs, after magic, version and number of tensors. */
const COUNT_OFFSET = 4 + 4 + 8;
const PREFIX_BYTES = COUNT_OFFSET + 8;

/** Bytes of the source from `start` up to `end`. */
interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * A GGUF file with other metadata, chunk by chunk; the file is never held. Everything that is not changed is copied byte
 * for byte: values keep their types, tensors their offsets from the start of the data, which is aligned as before.
 *
 * The chunks of a whole file are its bytes; one that ends by an error is no file. Into a stream:
 * `ReadableStream.from(rewriteMetadata(source, changes)).pipeTo(sink)`.
 *
 * @param source A whole file, not one of a split set.
 * @throws {LorisError} `argument_invalid` for a key or value that cannot be written, and for `general.alignment`, which
 * the tensors' places follow; `file_unsupported` for one file of a split set; else as {@link openGguf}; or the signal's
 * reason.
 */
export async function* rewriteMetadata(
  source: Source,
  changes: MetadataChanges,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const encoded = encodeChanges(changes);
  const header = await readHeader(source, signal);
  const { parts, count } = edit(header.pairs, encoded);
  let bytes = 0;
  for (const part of [{ start: 0, end: COUNT_OFFSET }, uint64(count), ...parts, header.tensors]) {
    bytes += "end" in part ? part.end - part.start : part.length;
    if ("end" in part) yield* copy(source, part, signal);
    else yield part;
  }
  const gap = padding(bytes, header.alignment);
  if (gap > 0) yield new Uint8Array(gap);
  yield* copy(source, header.data, signal);
}

function encodeChanges(changes: MetadataChanges): Map<string, Uint8Array | undefined> {
  if (changes.has("general.alignment")) {
    const message = "general.alignment cannot be changed: every tensor's place in the file follows it";
    throw new LorisError("argument_invalid", message, { param: "general.alignment" });
  }
  return new Map([...changes].map(([key, value]) => [key, value && encodePair(key, value)]));
}

/** Where the parts of a file are. */
interface Header {
  readonly pairs: readonly (ByteRange & { readonly key: string })[];
  /** The list of tensors. */
  readonly tensors: ByteRange;
  readonly data: ByteRange;
  readonly alignment: number;
}

async function readHeader(source: Source, signal?: AbortSignal): Promise<Header> {
  const r = await HeaderReader.open(source, signal);
  await r.need(PREFIX_BYTES, "the header");
  const [magic, version] = [r.u32(), r.u32()];
  if (magic !== MAGIC || (version !== 2 && version !== 3)) {
    r.fail("the file is no little-endian GGUF of version 2 or 3");
  }
  const tensorCount = r.size("the number of tensors");
  const pairCount = r.size("the number of metadata pairs");
  const pairs = [];
  const values = new Map<string, MetadataValue>();
  for (let i = 0; i < pairCount; i++) {
    const start = r.offset;
    const key = await r.string("a metadata key");
    await r.need(4, key);
    values.set(key, await readValue(r, r.u32(), key));
    pairs.push({ key, start, end: r.offset });
  }
  refuseSplit(source.name, new GgufMetadata(source.name, values));
  const start = r.offset;
  for (let i = 0; i < tensorCount; i++) {
    const name = await r.string("a tensor's name");
    await r.need(4, name);
    const rest = r.u32() * 8 + 4 + 8;
    await r.need(rest, name);
    r.take(rest);
  }
  const end = r.offset;
  // the walk above only noted where things are; a damaged file must not become a damaged file with a new name
  const { metadata } = await openGguf(source, signal);
  const alignment = metadata.optionalUint("general.alignment") ?? 32;
  // a file without tensors may end before the place where data would begin
  const data = { start: Math.min(end + padding(end, alignment), r.fileBytes), end: r.fileBytes };
  return { pairs, tensors: { start, end }, data, alignment };
}

function refuseSplit(file: string, metadata: GgufMetadata): void {
  const count = metadata.optionalUint("split.count") ?? 1;
  if (count <= 1) return;
  throw new LorisError(
    "file_unsupported",
    `${file} is one of ${count} split files; merge them first (llama-gguf-split --merge), then write the metadata`,
    { param: "split.count" },
  );
}

/** What stands between the counts and the list of tensors, in order, and how many pairs that is. */
function edit(
  pairs: Header["pairs"],
  changes: ReadonlyMap<string, Uint8Array | undefined>,
): { parts: (Uint8Array | ByteRange)[]; count: number } {
  const there = new Set(pairs.map(({ key }) => key));
  const added = [...changes].flatMap(([key, value]) => (there.has(key) ? [] : value ?? []));
  const kept = pairs.flatMap((pair) => (changes.has(pair.key) ? changes.get(pair.key) ?? [] : pair));
  const parts: (Uint8Array | ByteRange)[] = [];
  for (const part of [...kept, ...added]) {
    const last = parts.at(-1);
    // neighbours become one range, so that a remote file is not asked for each pair alone
    if (last && "end" in last && "end" in part && last.end === part.start) {
      parts[parts.length - 1] = { start: last.start, end: part.end };
    } else parts.push(part);
  }
  return { parts, count: kept.length + added.length };
}

async function* copy(source: Source, { start, end }: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let at = start;
  if (source.stream && end - start > CHUNK_BYTES) {
    for await (const piece of source.stream(start, end - start, signal)) {
      at += piece.length;
      // who reads the chunks may keep them
      yield piece.slice();
    }
    return checkLength(source.name, start, end - start, at - start);
  }
  while (at < end) {
    const length = Math.min(CHUNK_BYTES, end - at);
    const piece = await source.read(at, length, signal);
    checkLength(source.name, at, length, piece.length);
    at += length;
    yield piece;
  }
}

function padding(bytes: number, alignment: number): number {
  return (alignment - bytes % alignment) % alignment;
}
