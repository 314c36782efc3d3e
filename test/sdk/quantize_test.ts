/** `quantize`: what its files hold, for Loris (the very bytes of converting while loading) and for other readers. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { GGMLQuantizationType, gguf } from "npm:@huggingface/gguf@0.4.6";
import type { GgmlTypeName } from "../../sdk/gguf/types.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { load } from "../../sdk/load.ts";
import type { AssembleOptions } from "../../sdk/model/assemble.ts";
import { quantize, type QuantizeType } from "../../sdk/quantize.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { openPair } from "../bench/model.ts";
import { readBlocks } from "../gguf/blocks.ts";
import { DOGS, MIB, sources, TEXT, VISION } from "./model.ts";
import { type PairBytes, quantized, quantizedPair, seededPair, SMALL, withTensors } from "./quantize.ts";

const small = await seededPair(SMALL);
const NANO: PairBytes = { text: TEXT, vision: VISION };

/** What memory holds of each tensor after a load, by its name, and the whole region of weights. */
async function heldWeights(pair: PairBytes, weights: AssembleOptions["weights"]) {
  const folder = await Deno.makeTempDir();
  const paths = { text: `${folder}/text.gguf`, vision: `${folder}/vision.gguf` };
  await Promise.all([Deno.writeFile(paths.text, pair.text), Deno.writeFile(paths.vision, pair.vision)]);
  const { backend, model } = await openPair(paths, 128, { weights, memoryBudget: 160 * MIB });
  await Deno.remove(folder, { recursive: true });
  const tensors = new Map<string, Buffer>();
  let [start, end] = [Infinity, 0];
  for (const { needed, format, address } of model.placed) {
    const bytes = format === undefined ? needed.width * 4 : backend.matrixBytes(needed.columns, needed.width, format);
    tensors.set(needed.tensor.name, Buffer.from(backend.bytes(address, bytes)));
    [start, end] = [Math.min(start, address), Math.max(end, address + bytes)];
  }
  return { tensors, region: Buffer.from(backend.bytes(start, end - start)), start };
}

/** Types of all tensors by name. */
async function typesOf(bytes: Uint8Array): Promise<Record<string, GgmlTypeName>> {
  const { tensors } = await openGguf(bytesSource(bytes));
  return Object.fromEntries([...tensors].map(([name, { type }]) => [name, type]));
}

async function tensorBytes(file: Uint8Array, name: string): Promise<Uint8Array> {
  const { offset, bytes } = (await openGguf(bytesSource(file))).tensors.get(name)!;
  return file.subarray(offset, offset + bytes);
}

const ORDINARY_BLOCKS: { type: GgmlTypeName; elements: number; blocks: string }[] = JSON.parse(
  await Deno.readTextFile(new URL("../gguf/vectors/dequantize.json", import.meta.url)),
);

/** Blocks of a type with ordinary scales, over and over. */
function blocksOf(name: GgmlTypeName, elements: number): { type: GgmlTypeName; data: Uint8Array } {
  const { blocks } = ORDINARY_BLOCKS.find(({ type }) => type === name)!;
  const [perBlock, bytes, good] = { Q4_K: [256, 144, 2], Q6_K: [256, 210, 2], Q5_0: [32, 22, 6], Q4_1: [32, 20, 6] }[
    name as "Q4_K"
  ]!;
  const ordinary = Uint8Array.from(atob(blocks), (c) => c.charCodeAt(0)).subarray(0, bytes! * good!);
  const data = new Uint8Array(elements / perBlock! * bytes!);
  for (let at = 0; at < data.length; at += ordinary.length) data.set(ordinary.subarray(0, data.length - at), at);
  return { type: name, data };
}

/** The small pair, widened for superblocks of 256, with a decoder of many types. */
async function mixedPair(): Promise<PairBytes> {
  const text = { ...SMALL.text, layers: 1, width: 256, heads: 4, kvHeads: 2, hidden: 256 };
  const pair = await seededPair({ text, vision: SMALL.vision });
  return {
    vision: pair.vision,
    text: await withTensors(pair.text, {
      "token_embd.weight": blocksOf("Q6_K", 256 * 8300),
      "blk.0.attn_q.weight": blocksOf("Q4_K", 256 * 256),
      "blk.0.attn_k.weight": blocksOf("Q6_K", 256 * 128),
      "blk.0.attn_v.weight": blocksOf("Q5_0", 256 * 128),
      "blk.0.ffn_up.weight": blocksOf("Q4_1", 256 * 256),
    }),
  };
}

Deno.test("quantize() makes Q4_0 or Q8_0 of matrices alone; embeddings have 8 bits, the rest stays as it is", async () => {
  const text = await typesOf(await quantized(small.text, "q4"));
  assert.deepEqual([text["token_embd.weight"], text["blk.1.attn_q.weight"]], ["Q8_0", "Q4_0"]);
  assert.deepEqual([text["blk.0.attn_norm.weight"], text["output_norm.weight"]], ["F32", "F32"]);
  assert.equal(text["blk.0.ffn_down.weight"], "F16", "rows of 80 values fill no blocks");
  const vision = await typesOf(await quantized(small.vision, "q4"));
  assert.deepEqual([vision["v.patch_embd.weight"], vision["v.position_embd.weight"]], ["F16", "F32"]);
  assert.deepEqual([vision["v.blk.0.attn_q.bias"], vision["v.blk.0.ln1.weight"]], ["F32", "F32"]);
  assert.deepEqual([vision["v.blk.1.ffn_down.weight"], vision["mm.model.fc.weight"]], ["Q4_0", "Q4_0"]);
  const eight = await typesOf(await quantized(small.text, "q8"));
  assert.deepEqual(new Set(Object.values(eight)), new Set(["Q8_0", "F16", "F32"]));
});

for (const type of ["q4", "q8"] as const) {
  Deno.test(`a file of quantize() to ${type} loads into the bytes that its original is converted to while loading`, async () => {
    for (const pair of [small, await mixedPair(), NANO]) {
      const original = await heldWeights(pair, type);
      const loaded = await heldWeights(await quantizedPair(pair, type), type);
      assert.equal(loaded.start, original.start);
      assert.ok(original.region.length > 400_000 && original.region.equals(loaded.region));
    }
  });

  Deno.test(`a file of quantize() to ${type} loads so without being asked for ${type}, but for what files must keep`, async () => {
    const original = await heldWeights(small, type);
    const loaded = await heldWeights(await quantizedPair(small, type), "auto");
    const differ = [...original.tensors].filter(([name, bytes]) => !bytes.equals(loaded.tensors.get(name)!));
    // a convolution's weights are floats for llama.cpp; rows of 80 values fill no blocks
    const kept = ["blk.0.ffn_down.weight", "blk.1.ffn_down.weight", "v.patch_embd.weight"];
    assert.deepEqual(differ.map(([name]) => name).sort(), kept);
  });
}

Deno.test("the embedded pair captions alike by files of quantize() and by conversion while loading", async () => {
  const text = async (pair: PairBytes) => {
    const captioner = await load({ ...sources(pair.text, pair.vision), contextTokens: 256, weights: "q4" });
    const answer = captioner.caption(DOGS, { maxTokens: 12, logprobs: true });
    const { text, logprobs } = await answer.result;
    await captioner.close();
    return { text, logprobs };
  };
  const original = await text(NANO);
  assert.match(original.text, /dog/);
  assert.deepEqual(await text(await quantizedPair(NANO, "q4")), original);
});

Deno.test("quantize() keeps what is as small already, byte for byte, and says what it rounds a second time", async () => {
  for (const type of ["q4", "q8"] as const) {
    assert.ok(Buffer.from(TEXT).equals(await quantized(TEXT, type)), "Q4_0, embedding in Q8_0");
  }
  assert.ok(Buffer.from(VISION).equals(await quantized(VISION, "q8")), "Q8_0");
  const mixed = (await mixedPair()).text;
  const how = async (type: QuantizeType) => {
    const { tensors } = await quantize(bytesSource(mixed), { type });
    const named = Object.fromEntries(tensors.map(({ name, to, how }) => [name.replace(".weight", ""), `${to} ${how}`]));
    const { token_embd, "blk.0.attn_q": q, "blk.0.attn_k": k, "blk.0.attn_v": v, "blk.0.ffn_up": up } = named;
    return [token_embd, q, k, v, up, named["blk.0.ffn_gate"]];
  };
  assert.deepEqual(await how("q4"), [
    ...["Q6_K kept", "Q4_K kept", "Q4_0 rounded again", "Q4_0 rounded again", "Q4_1 kept", "Q4_0 rounded"],
  ]);
  assert.deepEqual(await how("q8"), [
    ...["Q6_K kept", "Q4_K kept", "Q6_K kept", "Q5_0 kept", "Q4_1 kept", "Q8_0 rounded"],
  ]);
  for (const name of ["token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_up.weight", "blk.0.attn_norm.weight"]) {
    assert.deepEqual(await tensorBytes(await quantized(mixed, "q4"), name), await tensorBytes(mixed, name), name);
  }
});

Deno.test("another reader, npm's @huggingface/gguf, finds every tensor's name, shape and type, and the metadata", async () => {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  for (
    const [bytes, type, fileType] of [[small.text, "q4", 2], [small.vision, "q4", 2], [small.text, "q8", 7]] as const
  ) {
    await Deno.writeFile(path, await quantized(bytes, type));
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true });
    const ours = await openGguf(bytesSource(bytes));
    assert.deepEqual(
      tensorInfos.map(({ name, shape }) => [name, shape.map(Number)]),
      [...ours.tensors.values()].map(({ name, shape }) => [name, shape]),
    );
    const types = await typesOf(await Deno.readFile(path));
    for (const { name, dtype } of tensorInfos) assert.equal(GGMLQuantizationType[dtype], types[name], name);
    const { file_type, quantization_version } = Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key.replace("general.", ""), value]),
    );
    assert.deepEqual([file_type, quantization_version], [fileType, 2]);
    for (const [key, value] of ours.metadata.entries()) {
      assert.deepEqual(metadata[key as keyof typeof metadata] as unknown, value, key);
    }
  }
  await Deno.remove(path);
});

Deno.test("weights of quantize() are off by no more than ggml's own, in every block", async () => {
  const golden: Record<string, string> = JSON.parse(
    await Deno.readTextFile(new URL("../gguf/vectors/quantize.json", import.meta.url)),
  );
  const bytes = Uint8Array.from(atob(golden.values!), (c) => c.charCodeAt(0));
  const values = readBlocks("F32", bytes);
  const file = await withTensors(small.text, { "blk.0.attn_q.weight": { type: "F32", data: bytes } });
  for (const [type, name] of [["q4", "Q4_0"], ["q8", "Q8_0"]] as const) {
    const ours = readBlocks(name, await tensorBytes(await quantized(file, type), "blk.0.attn_q.weight"));
    const ggml = readBlocks("F32", Uint8Array.from(atob(golden[name]!), (c) => c.charCodeAt(0)));
    const error = (of: Float64Array, b: number) =>
      of.subarray(b * 32, b * 32 + 32).reduce((sum, v, k) => sum + (v - values[b * 32 + k]!) ** 2, 0);
    for (let b = 0; b < 128; b++) {
      const largest = values.subarray(b * 32, b * 32 + 32).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      // 8 bits: both round to nearest, by scales that differ in their last bit at most
      const bound = name === "Q4_0"
        ? error(ggml, b)
        : Math.max(error(ggml, b) * 1.02, 32 * (largest / 254) ** 2 * 1e-3);
      assert.ok(error(ours, b) <= bound * (1 + 1e-3) + 1e-14, `${name}, block ${b}: ${error(ours, b)}, ggml ${bound}`);
      const steps = name === "Q4_0" ? 7 : 127;
      for (let k = 0; k < 32; k++) {
        const off = Math.abs(ours[b * 32 + k]! - values[b * 32 + k]!);
        // scales are halves, which are 2^-24 apart where they are smallest
        const bound = largest / steps * (name === "Q4_0" ? 1.3 : 0.51) + (steps + 1) * 2 ** -25;
        assert.ok(off <= bound, `${name}, block ${b}: ${off} of ${largest}`);
      }
    }
  }
});
