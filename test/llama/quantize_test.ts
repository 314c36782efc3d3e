/** Files of `quantize` in llama.cpp itself, compiled to WASM (wllama): it loads them, and answers as Loris does. */
import assert from "node:assert/strict";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { load, packagedKernels } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { wllamaFolder } from "../bench/peers/install.ts";
import { wllamaChat } from "../bench/peers/wllama.ts";
import { DOGS, MIB, sources, TEXT, VISION } from "../sdk/model.ts";
import { quantized, withTensors } from "../sdk/quantize.ts";

const esm = await wllamaFolder();
const folder = await Deno.makeTempDir();
const QUESTIONS = ["What is in a kitchen?", "Describe a dog.", "Is the sky blue?"];
/** Later ones may differ: the best two are often closer than what the engines round differently. */
const TOKENS = 3;

/** The embedded model with its matrices in 16 bits, as if it had never been quantized. */
async function in16Bits(bytes: Uint8Array): Promise<Uint8Array> {
  const { tensors } = await openGguf(bytesSource(bytes));
  const backend = await WasmBackend.create(await packagedKernels("simd128"), "simd128", 128 * MIB);
  const floats: Record<string, { type: "F16"; data: Uint8Array }> = {};
  for (const { name, type, typeId, elements, bytes: size, offset } of tensors.values()) {
    if (type !== "Q4_0" && type !== "Q8_0") continue;
    const [from, to] = [backend.base, backend.base + Math.ceil(size / 64) * 64];
    backend.reserve(to + elements * 4);
    backend.write(from, bytes.subarray(offset, offset + size));
    assert.equal(backend.dequantize(to, from, elements, typeId), 0);
    floats[name] = { type: "F16", data: new Uint8Array(Float16Array.from(backend.floats(to, elements)).buffer) };
  }
  return await withTensors(bytes, floats);
}

async function write(name: string, bytes: Uint8Array): Promise<string> {
  await Deno.writeFile(`${folder}/${name}`, bytes);
  return `${folder}/${name}`;
}

for (const type of ["q4", "q8"] as const) {
  Deno.test(`llama.cpp loads a text model of quantize() to ${type}, and answers begin as Loris' do`, async () => {
    const text = await quantized(await in16Bits(TEXT), type);
    const llama = await wllamaChat(esm, [await write(`${type}.gguf`, text)]);
    const loris = await load({ ...sources(text), contextTokens: 256 });
    for (const question of QUESTIONS) {
      const ours = (await loris.chat([{ role: "user", content: question }], { maxTokens: TOKENS }).result).text;
      assert.equal((await llama.ask(question, TOKENS)).trim(), ours.trim(), question);
    }
    await Promise.all([llama.close(), loris.close()]);
  });
}

Deno.test("llama.cpp looks through a projector of quantize() to q4", async () => {
  const paths = [await write("text.gguf", TEXT), await write("vision.gguf", await quantized(VISION, "q4"))];
  const llama = await wllamaChat(esm, paths);
  const answer = await llama.ask("What animal is in this image?", 8, DOGS);
  assert.match(answer, /dog/i);
  await llama.close();
  await Deno.remove(folder, { recursive: true });
});
