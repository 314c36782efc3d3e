import type { Backend, Input, SamplingBuffers } from "../backend/backend.ts";
import { MemoryPlan } from "../memory/plan.ts";
import type { LanguageConfig } from "./config.ts";

/** Where a decoder's forward pass works. All f32, rows first. */
export interface LanguageBuffers {
  readonly ids: number;
  /** u32 [conversations]: what was chosen last, for the next step. */
  readonly chosen: number;
  /** Normalized rows, as the matrices read them. */
  readonly input: Input;
  /** Cosine and sine of each row's position; and of the text rows' alone. */
  readonly turns: number;
  readonly textTurns: number;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly attended: number;
  readonly gate: number;
  readonly up: number;
  readonly scratch: number;
  readonly last: number;
  readonly logits: number;
  readonly sampling: SamplingBuffers;
}

/** Sizes of a decoder's work. */
export interface LanguageSizes {
  /** Rows that one `forward` takes at most. */
  readonly maxRows: number;
  /** Slots of the caches. */
  readonly contextTokens: number;
  /** Rows that `logits` takes at most. */
  readonly maxConversations: number;
}

/**
 * Where everything lies in the scratch, and how many bytes that takes. What is live only in the layers or only after them
 * shares one region.
 *
 * @param queries Address of the queries, where they outlive a layer and so have a place of their own.
 */
export function languageLayout(
  b: Backend,
  c: LanguageConfig,
  { maxRows: rows, contextTokens, maxConversations }: LanguageSizes,
  base: number,
  queries: number | undefined,
): LanguageBuffers & { readonly bytes: number } {
  const f32 = (plan: MemoryPlan, name: string, elements: number) => plan.reserve(name, elements * 4);
  const queryWidth = c.heads * c.headWidth;
  const keyWidth = c.kvHeads * c.headWidth;

  const always = new MemoryPlan(base);
  const ids = f32(always, "ids", rows);
  const chosen = f32(always, "ids", maxConversations);
  const recordBytes = b.activationRowBytes(Math.max(c.width, c.hidden, queryWidth));
  const quantized = always.reserve("quantized", Math.max(rows, 2 * maxConversations) * recordBytes);

  const layers = new MemoryPlan(always.end);
  const inLayers = {
    input: { floats: f32(layers, "norm", rows * c.width), quantized },
    turns: f32(layers, "turns", rows * c.headWidth),
    textTurns: f32(layers, "turns", rows * c.headWidth),
    q: queries ?? f32(layers, "q", rows * queryWidth),
    k: f32(layers, "k", rows * keyWidth),
    v: f32(layers, "v", rows * keyWidth),
    attended: f32(layers, "attended", rows * queryWidth),
    // text rows are gathered in the gate's place
    gate: f32(layers, "gate", rows * Math.max(c.hidden, c.width)),
    up: f32(layers, "up", rows * c.hidden),
    scratch: f32(layers, "scratch", b.attentionScratch(contextTokens, c.headWidth)),
  };

  const after = new MemoryPlan(always.end);
  const afterLayers = {
    last: f32(after, "last", 2 * maxConversations * c.width),
    logits: f32(after, "logits", 2 * maxConversations * c.vocabulary),
    sampling: {
      scratch: f32(after, "sampling", b.sampleScratch(c.vocabulary)),
      recent: f32(after, "recent", contextTokens),
    },
  };
  return { ids, chosen, ...inLayers, ...afterLayers, bytes: Math.max(layers.end, after.end) - base };
}
