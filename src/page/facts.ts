import type { Status, Usage } from "./service.ts";

/** When things came, by the page's clock. */
export interface Clock {
  readonly askedMs: number;
  /** Of the first piece of text; 0 if there was none. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export type Facts = readonly (readonly [name: string, value: string])[];

function number(value: number, digits = 0): string {
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const megabytes = (bytes: number) => `${number(bytes / 1e6, 1)} MB`;

/** Fewer say more of the network's packets than of the model. */
const MIN_STEPS = 4;

/** What an answer cost. */
export function answerFacts(usage: Usage, { askedMs, firstMs, lastMs }: Clock): Facts {
  const { prompt_tokens, completion_tokens, prompt_tokens_details: { cached_tokens, image_tokens } } = usage;
  // the first token comes with the prompt, and is no step
  const steps = completion_tokens - 1;
  const speed = steps >= MIN_STEPS && lastMs > firstMs
    ? `${number(steps / (lastMs - firstMs) * 1000, 1)} tokens/s`
    : "too short an answer to tell";
  // a prompt begins with its photo: what is used again and is longer holds it whole
  const photo = image_tokens > 0 && cached_tokens > image_tokens ? "; the photo was not computed again" : "";
  return [
    ["Speed, as it came here", speed],
    ["First word after", firstMs > 0 ? `${number(firstMs - askedMs)} ms` : "none came"],
    ["Length", `${completion_tokens} tokens`],
    ["Prompt", `${prompt_tokens} tokens, ${image_tokens} of them the photo`],
    ["Used again from before", `${cached_tokens} of ${prompt_tokens} tokens${photo}`],
  ];
}

/** What the model takes, and what its lazy plan saves. */
export function modelFacts({ model, state, loaded }: Status): Facts {
  if (!loaded) return [["Name", model], ["State", state === "idle" ? "loads with the first question" : state]];
  const { backend, context_tokens, memory, lazy } = loaded;
  const saved = lazy.dense_kv_bytes - lazy.kv_bytes;
  const plan = lazy.mode === "off"
    ? "Off: every layer computes its own attention. A plan is chosen when the model is loaded."
    : `${lazy.mode.toUpperCase()}: ${lazy.lazy_layers} of ${lazy.layers} layers inherit attention. KV cache ` +
      `${megabytes(lazy.kv_bytes)} instead of ${megabytes(lazy.dense_kv_bytes)}, ` +
      `${number(saved / lazy.dense_kv_bytes * 100, 1)} % less. The plan is chosen when the model is loaded.`;
  return [
    ["Name", model],
    ["Memory at its peak", megabytes(memory.peak_bytes)],
    ["Weights", megabytes(memory.weights_bytes)],
    ["KV caches", megabytes(memory.kv_bytes)],
    ["Lazy Attention", plan],
    ["Context", `${number(context_tokens)} tokens`],
    ["Kernels", backend],
  ];
}
