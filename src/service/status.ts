import * as v from "valibot";
import type { ModelHolder } from "./model_holder.ts";
import type { Settings } from "./options.ts";

const bytes = v.number();

/** What the page shows of the model. */
export const status = v.object({
  model: v.pipe(v.string(), v.description("Its name, as in /v1/models.")),
  state: v.picklist(["idle", "loading", "ready", "failed"]),
  card: v.nullable(v.object({
    limits: v.pipe(v.string(), v.description("What is not to be expected of it.")),
    questions: v.pipe(v.array(v.string()), v.description("That it was made for.")),
  })),
  loaded: v.pipe(
    v.nullable(v.object({
      backend: v.string(),
      context_tokens: v.pipe(v.number(), v.description("Of a prompt and its answer together.")),
      memory: v.object({ peak_bytes: bytes, weights_bytes: bytes, kv_bytes: bytes }),
      lazy: v.object({
        mode: v.picklist(["off", "gla", "vla"]),
        layers: v.number(),
        lazy_layers: v.number(),
        kv_bytes: v.pipe(bytes, v.description("Keys and values of all conversations.")),
        dense_kv_bytes: v.pipe(bytes, v.description("What they would take without a lazy layer.")),
      }),
    })),
    v.description("null until the model is loaded."),
  ),
});

/** The model as it is now; asking loads nothing. */
export function statusOf<Env extends object>(
  { modelId, modelCard }: Settings,
  { state, captioner }: ModelHolder<Env>,
): v.InferOutput<typeof status> {
  const card = modelCard ? { limits: modelCard.limits, questions: [...modelCard.questions ?? []] } : null;
  if (!captioner) return { model: modelId, state, card, loaded: null };
  const { backend, contextTokens, memory, lazy } = captioner;
  return {
    ...{ model: modelId, state, card },
    loaded: {
      ...{ backend, context_tokens: contextTokens },
      memory: { peak_bytes: memory.peakBytes, weights_bytes: memory.weightsBytes, kv_bytes: memory.kvBytes },
      lazy: {
        ...{ mode: lazy.mode, layers: lazy.layers, lazy_layers: lazy.lazyLayers },
        ...{ kv_bytes: lazy.kvBytes, dense_kv_bytes: lazy.denseKvBytes },
      },
    },
  };
}
