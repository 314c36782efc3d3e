/** Quantized files, and models to make them of. */
import { GGML_TYPES, type GgmlTypeName } from "../../sdk/gguf/types.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { retypeTensors } from "../../sdk/gguf/retype.ts";
import { quantize, type QuantizeType } from "../../sdk/quantize.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { generateModel, type ModelShape } from "../bench/generate_model.ts";

/** Small; the decoder's wide layer has rows of 80 values, which fill no blocks of 32. */
export const SMALL: ModelShape = {
  text: { layers: 2, width: 64, heads: 2, kvHeads: 1, hidden: 80, vocabulary: 8300 },
  vision: { layers: 2, width: 64, heads: 2, hidden: 96, side: 64, patch: 16, shuffle: 2 },
};

export interface PairBytes {
  readonly text: Uint8Array;
  readonly vision: Uint8Array;
}

/** A seeded pair in 16 bits. */
export async function seededPair(shape: ModelShape): Promise<PairBytes> {
  const folder = await Deno.makeTempDir();
  const paths = await generateModel(folder, shape, "F16", 5);
  const [text, vision] = await Promise.all([Deno.readFile(paths.text), Deno.readFile(paths.vision)]);
  await Deno.remove(folder, { recursive: true });
  return { text, vision };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: BlobPart[] = [];
  for await (const chunk of chunks) parts.push(chunk as Uint8Array<ArrayBuffer>);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export async function quantized(bytes: Uint8Array, type: QuantizeType): Promise<Uint8Array> {
  return await collect((await quantize(bytesSource(bytes, "in.gguf"), { type })).chunks());
}

export async function quantizedPair({ text, vision }: PairBytes, type: QuantizeType): Promise<PairBytes> {
  return { text: await quantized(text, type), vision: await quantized(vision, type) };
}

/** A file with the bytes of some tensors exchanged. */
export async function withTensors(
  bytes: Uint8Array,
  tensors: Readonly<Record<string, { readonly type: GgmlTypeName; readonly data: Uint8Array }>>,
): Promise<Uint8Array> {
  const source = bytesSource(bytes, "in.gguf");
  const file = await openGguf(source);
  const byName = new Map([...GGML_TYPES.values()].map((type) => [type.name, type]));
  const types = new Map(
    Object.entries(tensors).map(([name, { type }]) => [file.tensors.get(name)!, byName.get(type)!]),
  );
  const { chunks } = await retypeTensors(source, file, new Map(), types);
  return await collect(chunks(async function* ({ name }) {
    yield await Promise.resolve(tensors[name]!.data);
  }));
}
