/** GGUF: header, metadata, tensors, and what models are told of them. */
import assert from "node:assert/strict";
import { type GgufFile, openGguf } from "../../../sdk/gguf/gguf.ts";
import { rewriteMetadata } from "../../../sdk/gguf/rewrite.ts";
import { resolveLazy } from "../../../sdk/lazy/option.ts";
import { languageConfig, visionConfig } from "../../../sdk/model/config.ts";
import { languageTensors, type NeededTensor, visionTensors } from "../../../sdk/model/tensors.ts";
import { bytesSource } from "../../../sdk/sources/bytes.ts";
import { joined } from "../../../sdk/sources/collect.ts";
import { Tokenizer } from "../../../sdk/text/tokenizer.ts";
import { tokenizerData } from "../../../sdk/text/vocabulary.ts";
import { GGUF_SEEDS } from "../seeds_gguf.ts";
import { orRefusal, orRefusalNow, type Target } from "../target.ts";

/** Tensors lie in the file, in whole blocks, and apart. */
function checkTensors({ tensors, fileBytes }: GgufFile): void {
  const ranges = [...tensors.values()].map(({ offset, bytes, elements, shape }) => {
    assert.ok(bytes > 0 && Number.isSafeInteger(bytes) && offset >= 24 && offset + bytes <= fileBytes);
    assert.equal(elements, shape.reduce((a, b) => a * b, 1));
    return [offset, offset + bytes] as const;
  }).sort(([a], [b]) => a - b);
  for (let i = 1; i < ranges.length; i++) assert.ok(ranges[i - 1]![1] <= ranges[i]![0], "tensors overlap");
}

/** The same file with another key: what was not asked to change is as it was. */
async function checkRewritten(input: Uint8Array, file: GgufFile): Promise<void> {
  const changes = new Map([["fuzz.key", { type: "uint32", value: 7 }]] as const);
  const pieces: Uint8Array[] = [];
  for await (const piece of rewriteMetadata(bytesSource(input), changes)) pieces.push(piece.slice());
  const written = await openGguf(bytesSource(joined(pieces, pieces.reduce((sum, { length }) => sum + length, 0))));
  assert.equal(written.metadata.uint("fuzz.key"), 7);
  assert.deepEqual([...written.tensors.keys()], [...file.tensors.keys()]);
  for (const [key, value] of file.metadata.entries()) {
    if (key !== "fuzz.key") assert.deepEqual(new Map(written.metadata.entries()).get(key), value);
  }
}

export const target: Target = {
  seeds: GGUF_SEEDS,
  maxBytes: 8192,
  async run(input) {
    const file = await orRefusal(() => openGguf(bytesSource(input)));
    if (!file) return;
    checkTensors(file);
    await orRefusal(() => checkRewritten(input, file));
    orRefusalNow(() => new Tokenizer(tokenizerData(file.metadata)));
    orRefusalNow(() => {
      const config = languageConfig(file);
      const { layers, tokenEmbd } = languageTensors(file, config, resolveLazy("auto", file.metadata, config.layers));
      assert.equal(layers.length, config.layers);
      checkNeeded(tokenEmbd, config.vocabulary * config.width);
    });
    orRefusalNow(() => assert.equal(visionTensors(file, visionConfig(file)).layers.length, visionConfig(file).layers));
  },
};

function checkNeeded({ tensor }: NeededTensor, elements: number): void {
  assert.equal(tensor.elements, elements);
}
