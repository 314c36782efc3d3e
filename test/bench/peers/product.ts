/** The product, under the same models as its peers. */
import { Pacer } from "../../../sdk/model/pacer.ts";
import { anyIds, anyTile, openModel, type PairPaths } from "../model.ts";
import type { TextEngine, TextTimes, TileEngine } from "./engine.ts";

/** @param vision Path of an encoder for the text model's width; it is loaded and not used. */
export async function productText(text: string, vision: string): Promise<TextEngine> {
  const { vlm, cache } = await openModel({ text, vision }, 1024);
  const { vocabulary } = vlm.language.config;
  return {
    name: "loris",
    async answer(promptTokens, decodeTokens, seed): Promise<TextTimes> {
      cache.truncate(0);
      const ids = anyIds(promptTokens, vocabulary, seed);
      const started = performance.now();
      await vlm.prefill(cache, [{ kind: "text", ids }]);
      const filled = performance.now();
      const pacer = new Pacer();
      for (const id of anyIds(decodeTokens, vocabulary, seed + 1)) {
        const logits = await vlm.step(cache, id, pacer);
        await vlm.backend.argmax(logits, vocabulary);
        await pacer.pause();
      }
      const ended = performance.now();
      return { prompt: promptTokens / (filled - started) * 1000, decode: decodeTokens / (ended - filled) * 1000 };
    },
    async close() {},
  };
}

export async function productTile(pair: PairPaths): Promise<TileEngine> {
  const model = await openModel(pair, 128);
  const tile = anyTile(model);
  return {
    name: "loris",
    async tileMs() {
      const started = performance.now();
      await model.vlm.imageTokens(tile);
      return performance.now() - started;
    },
    async close() {},
  };
}
