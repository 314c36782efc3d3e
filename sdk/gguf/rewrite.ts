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
import type { Source } from "../sources/source.ts";
import { openGguf } from "./gguf.ts";
import { HeaderReader } from "./header_reader.ts";
import type { GgufMetadata } from "./metadata.ts";
import { type ByteRange, editedFront, encodeChanges, type Front, type MetadataChanges, padding } from "./pairs.ts";
import { partBytes, readFront, writeParts } from "./pairs.ts";
import type { NumberType, TypedValue } from "./typed_value.ts";

export type { MetadataChanges, NumberType, TypedValue };

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
  // a mistake in them is told before the file is read
  const encoded = encodeChanges(changes);
  const { front, tensors, data, alignment } = await readHeader(source, signal);
  const header = [...editedFront(front.pairs, encoded), tensors];
  yield* writeParts(source, [...header, padding(partBytes(header), alignment), data], signal);
}

/** Where the parts of a file are. */
interface Header {
  readonly front: Front;
  /** The list of tensors. */
  readonly tensors: ByteRange;
  readonly data: ByteRange;
  readonly alignment: number;
}

async function readHeader(source: Source, signal?: AbortSignal): Promise<Header> {
  const r = await HeaderReader.open(source, signal);
  const front = await readFront(source, r);
  refuseSplit(source.name, front.metadata);
  const start = r.offset;
  for (let i = 0; i < front.tensorCount; i++) {
    const name = await r.string("a tensor's name");
    await r.need(4, name);
    const rest = r.u32() * 8 + 4 + 8;
    await r.need(rest, name);
    r.take(rest);
  }
  const end = r.offset;
  // the walk above only noted where things are; a damaged file must not become a damaged file with a new name
  const { alignment } = await openGguf(source, signal);
  // a file without tensors may end before the place where data would begin
  const data = { start: Math.min(end + padding(end, alignment).length, r.fileBytes), end: r.fileBytes };
  return { front, tensors: { start, end }, data, alignment };
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
