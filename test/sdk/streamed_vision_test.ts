/** `visionWeights` in `load`: what fits, sources that fail or are aborted in the middle of a request, and SmolVLM's shape. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import type { ChatResult } from "../../sdk/chat.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { fitVerdict } from "../../sdk/inspect.ts";
import { load, packagedKernels } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { generateModel, modelHeaders, type ModelShape, SHAPES } from "../bench/generate_model.ts";
import { DOGS, MIB, open, rejection, sources, VISION, watched } from "./model.ts";

const LAYERS = 3;
const SMALL: ModelShape = {
  text: { layers: 2, width: 64, heads: 2, kvHeads: 1, hidden: 96, vocabulary: 8300 },
  vision: { layers: LAYERS, width: 64, heads: 2, hidden: 96, side: 64, patch: 16, shuffle: 2 },
};
const folder = await Deno.makeTempDir();
const pair = await generateModel(folder, SMALL, "Q8_0", 7);
const [small, smallVision] = [await Deno.readFile(pair.text), await Deno.readFile(pair.vision)];
await Deno.remove(folder, { recursive: true });

/** The small pair, streamed; `onRead` hears of each read of the vision file. No image tokens are kept: each request looks. */
const openSmall = async (onRead: (index: number) => void) =>
  await load({
    text: bytesSource(small, "text.gguf"),
    vision: watched(smallVision, "vision.gguf", onRead),
    ...{ contextTokens: 256, visionWeights: "streamed", keptTiles: 0 },
  });

let asked = 0;

/** Asks about the picture after words that no other request has, so that nothing comes from the KV cache. */
async function look(captioner: Captioner, options: { signal?: AbortSignal; words?: string } = {}): Promise<ChatResult> {
  const { signal, words = `request ${asked++}` } = options;
  const content = [{ type: "text", text: words }, { type: "image", image: DOGS }] as const;
  return await captioner.chat([{ role: "user", content }], { maxTokens: 4, ...(signal ? { signal } : {}) }).result;
}

Deno.test("load() streams the encoder's layers where they fit in no other way, and says so", async () => {
  const roomy = await open();
  assert.equal(roomy.visionWeights, "resident");
  const tight = await open({ memoryBudget: 46 * MIB });
  assert.deepEqual([tight.visionWeights, tight.weights], ["streamed", "file"]);
  assert.match((await tight.caption(DOGS).result).text, /dog/);
  assert.ok(tight.memory.peakBytes <= 46 * MIB, `${tight.memory.peakBytes} bytes`);
  assert.ok(tight.memory.weightsBytes < roomy.memory.weightsBytes - 15 * MIB);
  const { code, message } = await rejection(open({ memoryBudget: 46 * MIB, visionWeights: "resident" }));
  assert.equal(code, "memory_budget");
  assert.match(message, /choose visionWeights: "streamed"/);
  const least = await rejection(open({ memoryBudget: 20 * MIB }));
  assert.match(least.message, /vision ring \d+ \+ .*would be streamed already/);
});

Deno.test("load() refuses a visionWeights that is none, by name", async () => {
  const { code, param, message } = await rejection(open({ visionWeights: "ring" as "auto" }));
  assert.deepEqual([code, param], ["argument_invalid", "visionWeights"]);
  assert.match(message, /"ring".*"auto", "resident" or "streamed"/);
});

Deno.test("streamed and resident captions are the same text, with one tile and with several", async () => {
  for (const detail of ["low", "high"] as const) {
    const texts = [];
    for (const visionWeights of ["resident", "streamed"] as const) {
      const captioner = await open({ visionWeights, contextTokens: 512 });
      texts.push((await captioner.caption(DOGS, { detail, maxTiles: 5 }).result).text);
    }
    assert.equal(texts[1], texts[0], detail);
  }
});

Deno.test("a read that fails in the middle of a request is source_failed, and the next request answers", async () => {
  let reads = 0;
  let failAt = -1;
  const captioner = await openSmall(() => {
    if (reads++ === failAt) throw new Error("the disk is gone");
  });
  const loading = reads;
  const whole = (await look(captioner, { words: "same" })).text;
  const looking = reads - loading;
  assert.equal(looking, LAYERS + 1, "a read for each layer, and one for the connector");
  for (let k = 0; k < looking; k++) {
    failAt = reads + k;
    const error = await rejection(look(captioner));
    assert.deepEqual([error.code, error.param], ["source_failed", "vision.gguf"], `read ${k}`);
    assert.match(
      error.message,
      new RegExp(
        `${k < LAYERS ? `v\\.blk\\.${k}\\.attn_q` : "mm\\.model\\.fc"}\\.weight .*could not be read: the disk is gone`,
      ),
    );
  }
  failAt = -1;
  await look(captioner);
  assert.equal((await look(captioner, { words: "same" })).text, whole);
});

Deno.test("an abort at any read of a request ends it with its reason and stops reading; the next request answers", async () => {
  let reads = 0;
  let abortAt = -1;
  let controller = new AbortController();
  const reason = new DOMException("the client left", "AbortError");
  const captioner = await openSmall(() => {
    if (reads++ === abortAt) controller.abort(reason);
  });
  for (let k = 0; k <= LAYERS; k++) {
    controller = new AbortController();
    abortAt = reads + k;
    assert.equal(await rejection(look(captioner, { signal: controller.signal })), reason);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(reads, abortAt + 1, `abort at read ${k}`);
  }
  abortAt = -1;
  assert.ok((await look(captioner)).usage.completionTokens >= 1);
});

Deno.test("a weight damaged after load() is file_invalid for the picture that reads it", async () => {
  const bytes = VISION.slice();
  const captioner = await open({ ...sources(undefined, bytes), visionWeights: "streamed", keptTiles: 0 });
  const file = await openGguf(bytesSource(bytes));
  const { offset } = file.tensors.get("v.blk.7.attn_q.weight")!;
  // the scale of a Q8_0 block: a NaN
  const scale = bytes.slice(offset, offset + 2);
  bytes.set([0xff, 0x7f], offset);
  const error = await rejection(look(captioner));
  assert.equal(error.code, "file_invalid");
  assert.match(error.message, /v\.blk\.7\.attn_q\.weight/);
  bytes.set(scale, offset);
  assert.match((await captioner.caption(DOGS).result).text, /dog/);
});

Deno.test("a Q8_0 pair of SmolVLM-256M's shape fits 128 MiB by streaming, and no resident way does", async () => {
  const { text, vision } = await modelHeaders(SHAPES.smolvlm_256m, "Q8_0");
  assert.ok(text.fileBytes + vision.fileBytes > 240e6);
  const kernels = await packagedKernels("simd128");
  const options = { memoryBudget: 128 * MIB, weights: "auto", contextTokens: undefined, keptTiles: 8 } as const;
  const verdict = await fitVerdict(text, vision, kernels, options);
  assert.deepEqual([verdict.fits, verdict.weights, verdict.visionWeights], [true, "q4", "streamed"]);
  assert.ok(verdict.contextTokens! >= 256);
  const bytes = (name: string) => verdict.parts!.find((part) => part.name === name)!.bytes;
  assert.ok(verdict.parts!.reduce((sum, part) => sum + part.bytes, 0) <= 128 * MIB);
  // two slots of a layer's 12 x 768 x 768 weights in 4 bits and their scales, and what a piece is read into
  const layerBytes = 12 * 768 * 768 / 32 * 18;
  assert.ok(
    bytes("vision ring") >= 2 * layerBytes && bytes("vision ring") < 2 * layerBytes + MIB,
    `${bytes("vision ring")}`,
  );
  // a photo of 1024 x 768 pixels takes 5.9 MB on its way to a tile of 512
  assert.ok(bytes("picture decoder") >= 8 * MIB);
  const resident = await fitVerdict(text, vision, kernels, { ...options, visionWeights: "resident" });
  assert.equal(resident.fits, false);
});
