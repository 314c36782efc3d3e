import { LorisError } from "../errors.ts";
import { checkLength } from "../sources/check.ts";
import type { Source } from "../sources/source.ts";
import type { HeaderReader } from "./header_reader.ts";
import { GgufMetadata, type MetadataValue, readValue } from "./metadata.ts";
import { encodePair, type TypedValue, uint64 } from "./typed_value.ts";

/** What becomes of metadata keys: set to a value (where it stands, or at the end if new), or removed if undefined. */
export type MetadataChanges = ReadonlyMap<string, TypedValue | undefined>;

/** Bytes of a source from `start` up to `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What a file to be written is put together from: bytes of its own, and ranges of the file that it is made of. */
export type Part = Uint8Array | ByteRange;

/** What stands in a file before its list of tensors. */
export interface Front {
  readonly tensorCount: number;
  readonly pairs: readonly (ByteRange & { readonly key: string })[];
  readonly metadata: GgufMetadata;
}

/** Large enough that a read's own cost does not count, small enough to hold. */
const CHUNK_BYTES = 1 << 20;
const MAGIC = 0x46554747;
/** Magic and version, then the numbers of tensors and of metadata pairs. */
const VERSION_END = 4 + 4;
const TENSOR_COUNT_END = VERSION_END + 8;
const FRONT_BYTES = TENSOR_COUNT_END + 8;

/** Notes where each metadata pair lies. @param r At the file's first byte; at the list of tensors afterwards. */
export async function readFront(source: Source, r: HeaderReader): Promise<Front> {
  await r.need(FRONT_BYTES, "the header");
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
  return { tensorCount, pairs, metadata: new GgufMetadata(source.name, values) };
}

/** Changes as they are written. */
type EncodedChanges = ReadonlyMap<string, Uint8Array | undefined>;

/** @throws {LorisError} `argument_invalid` for a key or value that cannot be written, and for `general.alignment`. */
export function encodeChanges(changes: MetadataChanges): EncodedChanges {
  if (changes.has("general.alignment")) {
    const message = "general.alignment cannot be changed: every tensor's place in the file follows it";
    throw new LorisError("argument_invalid", message, { param: "general.alignment" });
  }
  return new Map([...changes].map(([key, value]) => [key, value && encodePair(key, value)]));
}

/**
 * The front of a file with these changes: values that are not changed are copied byte for byte.
 *
 * @param tensorCount As many as before, if left out.
 */
export function editedFront(pairs: Front["pairs"], changes: EncodedChanges, tensorCount?: number): Part[] {
  const there = new Set(pairs.map(({ key }) => key));
  const added = [...changes].flatMap(([key, value]) => (there.has(key) ? [] : value ?? []));
  const kept = pairs.flatMap((pair) => (changes.has(pair.key) ? changes.get(pair.key) ?? [] : pair));
  const start = tensorCount === undefined
    ? [{ start: 0, end: TENSOR_COUNT_END }]
    : [{ start: 0, end: VERSION_END }, uint64(tensorCount)];
  return joined([...start, uint64(kept.length + added.length), ...kept, ...added]);
}

/** Neighbours become one range, so that a remote file is not asked for each pair alone. */
function joined(parts: readonly Part[]): Part[] {
  const all: Part[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (last && "end" in last && "end" in part && last.end === part.start) {
      all[all.length - 1] = { start: last.start, end: part.end };
    } else all.push(part);
  }
  return all;
}

export function partBytes(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + ("end" in part ? part.end - part.start : part.length), 0);
}

/** The bytes of parts in their order, in pieces of a mebibyte at most that the caller may keep. */
export async function* writeParts(
  source: Source,
  parts: readonly Part[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) {
    if ("end" in part) yield* copy(source, part, signal);
    else if (part.length > 0) yield part;
  }
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

/** Zeros that bring a file of so many bytes to a multiple of its alignment. */
export function padding(bytes: number, alignment: number): Uint8Array {
  return new Uint8Array((alignment - bytes % alignment) % alignment);
}
