/** The product's networks on a GPU: the encoder whole, of the decoder the layers. */
import { WasmBackend } from "../../../../sdk/backend/wasm/backend.ts";
import { WebGpuBackend } from "../../../../sdk/backend/webgpu/backend.ts";
import { openGguf } from "../../../../sdk/gguf/gguf.ts";
import { KvCache } from "../../../../sdk/lazy/cache.ts";
import { densePlan } from "../../../../sdk/lazy/plan.ts";
import { packagedKernels } from "../../../../sdk/load.ts";
import { MemoryPlan } from "../../../../sdk/memory/plan.ts";
import { languageConfig, visionConfig } from "../../../../sdk/model/config.ts";
import { Language } from "../../../../sdk/model/language.ts";
import { Pacer } from "../../../../sdk/model/pacer.ts";
import { languageTensors, visionTensors } from "../../../../sdk/model/tensors.ts";
import { Vision } from "../../../../sdk/model/vision.ts";
import { loadScratchBytes, loadWeights, placeWeights } from "../../../../sdk/model/weights.ts";
import { fileSource } from "../../../../sdk/sources/file.ts";
import type { PairPaths } from "../../model.ts";
import { anyRows, type Engine, SEEDS, tilePixels } from "./job.ts";

const HOST_BYTES = 64 * 2 ** 20;

/** @param contextTokens Slots of the cache. */
export async function openLoris(device: GPUDevice, paths: PairPaths, contextTokens: number): Promise<Engine> {
  const sources = [fileSource(paths.text), fileSource(paths.vision)] as const;
  const [text, picture] = await Promise.all([openGguf(sources[0]), openGguf(sources[1])]);
  const [c, v] = [languageConfig(text), visionConfig(picture)];
  const lazy = densePlan(c.layers);
  const backend = new WebGpuBackend(
    device,
    await WasmBackend.create(await packagedKernels("relaxed"), "relaxed", HOST_BYTES),
  );
  // as many as the product takes
  const maxRows = backend.rowsTogether;
  const plan = new MemoryPlan(backend.base);
  const weights = placeWeights(plan, backend, languageTensors(text, c, lazy), visionTensors(picture, v), "file");
  const cache = new KvCache(plan, c, { contextTokens });
  const sizes = { maxRows, contextTokens: cache.capacity, maxConversations: 1 };
  const rowBytes = c.width * 4;
  const looking = { rows: maxRows };
  const [x, tokens] = [maxRows, v.tokens].map((rows) => plan.reserve("activations", rows * rowBytes)) as [
    number,
    number,
  ];
  const scratch = plan.reserve(
    "activations",
    Math.max(
      ...[loadScratchBytes(backend, weights.placed), Vision.scratchBytes(backend, v, looking)],
      Language.scratchBytes(backend, c, sizes, false),
    ),
  );
  backend.reserve(plan.end, plan.regions);
  const loading = backend.loadScratch(scratch, loadScratchBytes(backend, weights.placed));
  await loadWeights(backend, weights.placed, loading);
  await Promise.all(sources.map((source) => source.close()));
  const vision = new Vision(backend, v, weights.vision, scratch, looking);
  const language = new Language(backend, c, weights.language, lazy, sizes, { scratch });
  const pacer = new Pacer();
  const tile = tilePixels(v.imageSize);
  let kept = 0;

  /** Rows through all layers, every row of them; afterwards `x` has the last pass's. */
  const forward = async (values: Float32Array) => {
    const count = values.length / c.width;
    for (let from = 0; from < count; from += maxRows) {
      const rows = Math.min(maxRows, count - from);
      backend.write(x, values.subarray(from * c.width, (from + rows) * c.width));
      await language.forward(x, [{ cache, rows, wanted: "all" }], pacer);
    }
    return x + ((count - 1) % maxRows) * rowBytes;
  };

  return {
    name: "Loris",
    async encode(times) {
      for (let i = 0; i < times; i++) await vision.encode(tokens, tile, pacer);
      return await backend.read(tokens, v.tokens * c.width);
    },
    async prefill(rows, times) {
      const prompt = anyRows(rows, c.width, SEEDS.prompt);
      let last = x;
      for (let i = 0; i < times; i++) {
        cache.truncate(0);
        last = await forward(prompt);
      }
      kept = rows;
      return await backend.read(last, c.width);
    },
    async decode(count, wait) {
      cache.truncate(kept);
      const rows = anyRows(count, c.width, SEEDS.decoded);
      for (let i = 0; i < count; i++) {
        await forward(rows.subarray(i * c.width, (i + 1) * c.width));
        if (wait) await backend.read(x, c.width);
      }
      return await backend.read(x, c.width);
    },
    close: () => Promise.resolve(backend.destroy()),
  };
}
