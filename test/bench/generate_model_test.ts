import assert from "node:assert/strict";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { inFolder } from "../folder.ts";
import { generateModel, SHAPES } from "./generate_model.ts";
import { matrix, type SeededType, vector } from "./seeded_weights.ts";

const SMALL = SHAPES.small;
const photo = await Deno.readFile(new URL("../../examples/photos/chelsea.jpg", import.meta.url));

for (const type of ["F16", "Q8_0", "Q4_0"] as const satisfies readonly SeededType[]) {
  Deno.test(`generateModel() writes a ${type} pair that loads and answers with finite numbers`, () =>
    inFolder(async (folder) => {
      const pair = await generateModel(folder, SMALL, type);
      const sources = { text: fileSource(pair.text), vision: fileSource(pair.vision) };
      const captioner = await load({ ...sources, contextTokens: 256 });
      const { usage } = await captioner.caption(photo, { maxTokens: 3 }).result;
      assert.equal(usage.imageTokens, (64 / 16 / 2) ** 2);
      assert.ok(usage.completionTokens >= 1);
      await captioner.close();
      await Promise.all([sources.text.close(), sources.vision.close()]);
    }));
}

Deno.test("generateModel() gives the same bytes for the same seed, others for another", () =>
  inFolder(async (folder) => {
    const bytes = async (name: string, seed: number) => {
      const pair = await generateModel(`${folder}/${name}`, SMALL, "Q8_0", seed);
      return [await Deno.readFile(pair.text), await Deno.readFile(pair.vision)];
    };
    const [first, again, other] = [await bytes("a", 1), await bytes("b", 1), await bytes("c", 2)];
    assert.deepEqual(first, again);
    assert.notDeepEqual(first, other);
  }));

Deno.test("generateModel() writes the types and shapes that were asked for", () =>
  inFolder(async (folder) => {
    const pair = await generateModel(folder, SMALL, "Q4_0");
    const source = fileSource(pair.text);
    const { tensors, metadata } = await openGguf(source);
    assert.equal(metadata.strings("tokenizer.ggml.tokens").length, 8300);
    assert.equal(metadata.strings("tokenizer.ggml.tokens").at(-1), "<unused_103>");
    assert.deepEqual(tensors.get("blk.1.ffn_down.weight")!.shape, [96, 64]);
    assert.equal(tensors.get("blk.1.ffn_down.weight")!.type, "Q4_0");
    assert.equal(tensors.get("token_embd.weight")!.type, "Q8_0");
    await source.close();
  }));

Deno.test("SHAPES.smolvlm_256m makes 64 image tokens of a tile of 1024 patches", () => {
  const { side, patch, shuffle } = SHAPES.smolvlm_256m.vision;
  assert.equal((side / patch) ** 2, 1024);
  assert.equal((side / patch / shuffle) ** 2, 64);
});

Deno.test("matrix() and vector() have the spread that was asked for", () => {
  const spread = (values: ArrayLike<number>) =>
    Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length);
  const halves = matrix(1, "m", "F16", [256, 64]).data();
  const near = (got: number, want: number) => assert.ok(Math.abs(got / want - 1) < 0.03, `${got}, wanted ${want}`);
  near(spread(new Float16Array(halves.buffer)), 1 / 16);
  near(spread(new Float32Array(vector(1, "v", [4096], 0.1).data().buffer)), 0.1);
});
