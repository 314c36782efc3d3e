import type { Backend } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
import type { AttentionRecord, ProbabilityPlace } from "./attention.ts";
import { KvFormat } from "../backend/backend.ts";
import { KvCache } from "../lazy/cache.ts";
import { densePlan, isDense, type LazyPlan } from "../lazy/plan.ts";
import type { VisualSelection } from "../lazy/visual_tokens.ts";
import { MemoryPlan, overBudget, type Part, sumOf } from "../memory/plan.ts";
import { Language } from "./language.ts";
import type { LanguageConfig } from "./config.ts";
import { ImageTokenCache } from "./image_token_cache.ts";
import { LayerRing, RING_SLOTS } from "./layer_ring.ts";
import type { LanguageSizes } from "./language_layout.ts";
import type { Pair } from "./pair.ts";
import { reachableLayers } from "./tensors.ts";
import { Vision } from "./vision.ts";
import { Vlm } from "./vlm.ts";
import { loadScratchBytes, type PlacedTensor, placeWeights, type WeightLevel } from "./weights.ts";

/** What the caller asks of the memory; what is left open is chosen to fit. */
export interface AssembleOptions {
  /** Bytes for everything: the model's memory and the picture decoder's. */
  readonly memoryBudget: number;
  readonly weights: "auto" | Exclude<WeightLevel, "file">;
  /** "auto" if left out: the encoder's layers stay in memory if there is any way to hold them, else they are streamed. */
  readonly visionWeights?: "auto" | VisionWeightsPlace | undefined;
  /** Positions of the KV cache. */
  readonly contextTokens: number | undefined;
  /** Elements of the KV cache; "f16" if left out. */
  readonly kv?: KvType | undefined;
  /** Slots that text can take, under plans of mode `vla`; the context less one tile's tokens if left out. */
  readonly textTokens?: number | undefined;
  /** Which image tokens of a tile go on to the decoder; all, if left out. */
  readonly visualTokens?: VisualSelection | undefined;
  /** Conversations that are computed at once, each with a cache of its own; 1 if left out. */
  readonly conversations?: number | undefined;
  /** Tiles whose image tokens are kept for later; 0 if left out. */
  readonly keptTiles?: number | undefined;
  /**
   * True: there is room for every plan and type of cache, to be tried by {@link Assembled.under}, and the encoder tells how
   * important image tokens are.
   */
  readonly anyPlan?: boolean | undefined;
  /** False: lazy layers make their anchor's probabilities again, as they do where there is no room; the result is the same. */
  readonly reuseProbabilities?: boolean | undefined;
}

/** How keys and values are kept: in 32 or 16 bits, or in 8 with a scale for each head's vector. */
export type KvType = "f32" | "f16" | "q8";
export const KV_TYPES = Object.keys(KvFormat) as readonly KvType[];

/** Where the matrices of the encoder's layers are: in memory for good, or read from their source for each picture. */
export type VisionWeightsPlace = "resident" | "streamed";
export const VISION_WEIGHTS: readonly ("auto" | VisionWeightsPlace)[] = ["auto", "resident", "streamed"];

/** What can be tried on a model that was assembled for any plan. */
export interface Setting {
  /** Which layers are lazy: `densePlan` for none. */
  readonly lazy: LazyPlan;
  /** Elements of the KV cache; "f16" if left out. */
  readonly kv?: KvType | undefined;
}

/** A model with all its places decided and its memory reserved; the weights are still to be loaded. */
export interface Assembled {
  readonly vlm: Vlm;
  /** One for each conversation. */
  readonly caches: readonly KvCache[];
  /** The first of them. */
  readonly cache: KvCache;
  /** What it was loaded with. */
  readonly lazy: LazyPlan;
  readonly imageTokens: ImageTokenCache;
  readonly placed: readonly PlacedTensor[];
  /** Load scratch, free before the first forward pass. */
  readonly scratch: number;
  readonly weights: WeightLevel;
  readonly visionWeights: VisionWeightsPlace;
  /** What reads the encoder's layers where they are streamed. */
  readonly ring: LayerRing | undefined;
  /** The plan, part by part, in bytes. */
  readonly parts: readonly Part[];
  /** Bytes left for the picture decoder's own memory. */
  readonly imageBytes: number;
  /**
   * The same weights under another plan, with an empty cache in the place of the one before, which is not to be used any more.
   *
   * @throws {RangeError} if the model was not assembled for any plan.
   */
  under(setting: Setting): { readonly vlm: Vlm; readonly cache: KvCache };
}

const MIB = 2 ** 20;
/** Fewer rows of a network are not worth the memory that they save. */
const LEAST_ROWS = 128;
/** A picture in full detail: 4 x 4 tiles and the overview. */
const MAX_TILES_TOGETHER = 17;
/** f32 elements of kept probabilities at most, unless one row's are more. Chunks with more are computed again by every layer. */
export const MAX_PROBABILITIES = MIB;

/** Context and picture memory that are tried, in this order, where the caller leaves the context open. */
const COMFORTS = [
  { contextTokens: 2048, imageBytes: 16 * MIB },
  { contextTokens: 1024, imageBytes: 16 * MIB },
  { contextTokens: 1024, imageBytes: 8 * MIB },
  { contextTokens: 512, imageBytes: 8 * MIB },
  { contextTokens: 256, imageBytes: 8 * MIB },
  { contextTokens: 512, imageBytes: 4 * MIB },
  { contextTokens: 256, imageBytes: 4 * MIB },
];

/**
 * The least of the picture decoder's memory by pixels of a tile, as far as it goes up to the most that is tried: a JPEG of
 * 1024 x 768 pixels takes 5.9 MB on its way to 512 x 512, for which no smaller scale of it is large enough.
 */
const IMAGE_BYTES_PER_TILE_PIXEL = 20;

/** One way to hold a model. */
export interface Choice {
  readonly level: WeightLevel;
  readonly contextTokens: number;
  readonly imageBytes: number;
  readonly visionWeights: VisionWeightsPlace;
  /** Tiles of a picture that go through streamed layers together, so that these are read once for all. */
  readonly tilesTogether: number;
  /** Rows that go through a network together. */
  readonly rows: number;
}

/** A way to hold a model that fits its budget: every place decided, nothing allocated. */
export interface ModelPlan {
  readonly choice: Choice;
  readonly parts: readonly Part[];
  readonly layout: ReturnType<typeof layout>;
}

/**
 * Finds the first way to hold the model that fits the budget: the encoder in memory before streaming it, weights as the
 * file has them before smaller ones, for each more context before less, and for that more rows before fewer. Where
 * layers are streamed, what is left of the budget goes to tiles that share a pass over them.
 *
 * @throws {LorisError} `memory_budget` with the whole sum of the smallest way, if none fits; `context_overflow` where the
 * model's own context has no room for a picture; `argument_invalid` for a context beyond it.
 */
export function planModel(backend: Backend, pair: Pair, options: AssembleOptions): ModelPlan {
  const { plan, fits } = findPlan(backend, pair, options);
  if (!fits) throw tooLarge(plan, options);
  return plan;
}

/** As {@link planModel}; the smallest way, if none fits. */
export function findPlan(backend: Backend, pair: Pair, options: AssembleOptions): { plan: ModelPlan; fits: boolean } {
  let smallest: ModelPlan | undefined;
  const fits = ({ parts }: ModelPlan) => sumOf(parts) <= options.memoryBudget;
  for (const choice of candidates(backend, pair, options)) {
    const plan = planOf(backend, pair, choice, options);
    if (fits(plan)) {
      const most = mostTiles(pair, choice, options, plan, (more) => planOf(backend, pair, more, options), fits);
      return { plan: most, fits: true };
    }
    if (!smallest || sumOf(plan.parts) < sumOf(smallest.parts)) smallest = plan;
  }
  if (!smallest) {
    const { languageConfig: c, visionConfig: v } = pair;
    throw new LorisError(
      "context_overflow",
      `the model was made for a context of ${c.trainedContext} tokens, a tile of a picture alone takes ` +
        `${options.visualTokens?.keep ?? v.tokens}; lower visualTokens`,
      { param: "visualTokens" },
    );
  }
  return { plan: smallest, fits: false };
}

/** What is thrown where not even the smallest way fits. */
export function tooLarge({ parts }: ModelPlan, options: AssembleOptions): LorisError {
  const ways = ["raise memoryBudget"];
  if (options.weights === "f16" || options.weights === "q8") ways.push(`choose weights: "q4"`);
  if (options.weights === "q4") ways.push(`choose weights: "q4-all"`);
  if (options.visionWeights === "resident") ways.push(`choose visionWeights: "streamed"`);
  if (options.contextTokens !== undefined) ways.push("lower contextTokens");
  if ((options.conversations ?? 1) > 1) ways.push("lower conversations");
  const streamed = (options.visionWeights ?? "auto") === "auto"
    ? " (the vision model's layers would be streamed already)"
    : "";
  return overBudget(parts, options.memoryBudget, [...ways, "or take a smaller model"].join(", ") + streamed);
}

function planOf(backend: Backend, pair: Pair, choice: Choice, options: AssembleOptions): ModelPlan {
  const l = layout(backend, pair, choice, options);
  return { choice, parts: allParts(backend, l, choice.imageBytes), layout: l };
}

/** Reserves the memory of a plan and puts the networks together. */
export function assemble(backend: Backend, pair: Pair, { choice, parts, layout: l }: ModelPlan): Assembled {
  // what lives on must not hold the pair: its files' metadata are large
  const { languageConfig, visionConfig, lazy: planned } = pair;
  backend.reserve(l.plan.end, l.plan.regions);
  const scratch = backend.loadScratch(l.scratch, loadScratchBytes(backend, l.weights.placed));
  const ring = l.ring && new LayerRing(backend, l.weights.streamed, backend.loadScratch(l.ring.address, l.ring.bytes));
  const vision = new Vision(backend, visionConfig, l.weights.vision, l.scratch, l.looking, ring);
  const imageTokens = new ImageTokenCache(l.imageTokenBytes);
  const network = (lazy: LazyPlan, cache: KvCache) => {
    const weights = { ...l.weights.language, layers: reachableLayers(l.weights.language.layers, lazy) };
    const language = new Language(backend, languageConfig, weights, lazy, l.sizes, l);
    return { vlm: new Vlm(backend, language, vision, l.buffers, { ...l, imageTokens }), cache };
  };
  const { level: weights, imageBytes, visionWeights } = choice;
  return {
    ...network(planned, l.caches[0]!),
    ...{ lazy: planned, caches: l.caches, imageTokens, placed: l.weights.placed, scratch, weights, parts },
    ...{ imageBytes, visionWeights, ring },
    under({ lazy, kv }) {
      if (!l.anyCache) throw new RangeError("the model was not assembled for any plan");
      const plan = new MemoryPlan(l.anyCache.address);
      const { textSlots } = l.anyCache;
      const options = { contextTokens: choice.contextTokens, lazy, format: formatOf(kv), textSlots };
      const cache = new KvCache(plan, languageConfig, options);
      if (plan.total > l.anyCache.bytes) throw new RangeError(`a cache of ${plan.total} bytes has no room`);
      return network(lazy, cache);
    },
  };
}

const formatOf = (kv: KvType = "f16") => KvFormat[kv];

function* candidates(
  backend: Backend,
  { languageConfig: c, visionConfig: v }: Pair,
  options: AssembleOptions,
): Generator<Choice> {
  const asked = options.contextTokens;
  if (asked !== undefined && asked > c.trainedContext) {
    throw new LorisError(
      "argument_invalid",
      `contextTokens is ${asked}, the model was made for ${c.trainedContext} at most`,
      { param: "contextTokens" },
    );
  }
  const { visionWeights: place = "auto" } = options;
  const leastImageBytes = Math.min(COMFORTS[0]!.imageBytes, IMAGE_BYTES_PER_TILE_PIXEL * v.imageSize ** 2);
  for (const visionWeights of place === "auto" ? ["resident", "streamed"] as const : [place]) {
    // an embedding of 4 bits costs more than reading layers again and again does
    const last: WeightLevel[] = place !== "auto" || visionWeights === "streamed" ? ["q4-all"] : [];
    const levels = options.weights === "auto" ? ["file", "q8", "q4", ...last] as const : [options.weights];
    for (const level of levels) {
      for (const comfort of COMFORTS) {
        const contextTokens = asked ?? Math.min(comfort.contextTokens, c.trainedContext);
        // a context that cannot hold one picture and a question is no context
        if (asked === undefined && contextTokens < (options.visualTokens?.keep ?? v.tokens) + 64) continue;
        if (comfort.imageBytes < leastImageBytes) continue;
        const { imageBytes } = comfort;
        for (let rows = backend.rowsTogether; rows >= LEAST_ROWS; rows /= 2) {
          yield { level, contextTokens, imageBytes, visionWeights, tilesTogether: 1, rows };
        }
      }
    }
  }
}

/**
 * Room for the probabilities of a lazy block: of a whole chunk if that is little, else of fewer rows, at least one for each
 * conversation.
 */
function keptProbabilities(
  plan: MemoryPlan,
  backend: Backend,
  c: LanguageConfig,
  { contextTokens, maxConversations, maxRows }: LanguageSizes,
): ProbabilityPlace {
  const elements = (rows: number) => backend.attentionProbabilities(rows, c.heads, c.kvHeads, contextTokens);
  const size = Math.max(maxConversations * elements(1), Math.min(elements(maxRows), MAX_PROBABILITIES));
  return { address: plan.reserve("activations", size * 4), elements: size };
}

function layout(backend: Backend, pair: Pair, choice: Choice, options: AssembleOptions) {
  const { level, contextTokens, visionWeights, tilesTogether, rows: maxRows } = choice;
  const plan = new MemoryPlan(backend.base);
  const { languageConfig: c, visionConfig: v } = pair;
  const weights = placeWeights(
    plan,
    backend,
    pair.languageTensors,
    pair.visionTensors,
    level,
    visionWeights === "streamed" ? RING_SLOTS : 0,
  );
  const { placed, streamed } = weights;
  // it is written while the encoder computes, apart from what the encoder works in
  const ringBytes = Math.max(0, ...streamed.map((layer) => loadScratchBytes(backend, layer)));
  const ring = ringBytes > 0 ? { address: plan.reserve("vision ring", ringBytes), bytes: ringBytes } : undefined;
  const { anyPlan = false, reuseProbabilities = true, visualTokens: selection, conversations = 1 } = options;
  const looking = { measuresImportance: measures(options), maxTiles: tilesTogether, rows: maxRows };
  const tokensPerTile = selection?.keep ?? v.tokens;
  const anyCache = anyPlan ? placeOfAnyCache(plan, pair, contextTokens) : undefined;
  const cachePlan = anyCache ? new MemoryPlan(anyCache.address) : plan;
  const caches = Array.from({ length: anyPlan ? 1 : conversations }, () =>
    new KvCache(cachePlan, c, {
      ...{ contextTokens, lazy: pair.lazy, format: formatOf(options.kv) },
      textTokens: options.textTokens ?? Math.max(8, contextTokens - tokensPerTile),
    }));
  const sizes = { maxRows, contextTokens: caches[0]!.capacity, maxConversations: conversations };
  const lazy = anyPlan || !isDense(pair.lazy);
  const queries = lazy ? plan.reserve("q cache", Language.queryBytes(c, maxRows)) : undefined;
  // under `vla` no two layers have the same probabilities
  const reuses = reuseProbabilities && (anyPlan || (lazy && pair.lazy.mode === "gla"));
  const probabilities = reuses ? keptProbabilities(plan, backend, c, sizes) : undefined;
  const record = anyPlan && probabilities ? attentionRecord(plan, c, sizes, probabilities) : undefined;
  const buffers = plan.reserve(
    "activations",
    Vlm.bufferBytes(maxRows, tilesTogether * v.tokens, conversations, c.width),
  );
  // loading, looking and answering follow each other: they share one work area
  const scratch = plan.reserve(
    "activations",
    Math.max(
      loadScratchBytes(backend, placed),
      Vision.scratchBytes(backend, v, looking),
      Language.scratchBytes(backend, c, sizes, queries !== undefined),
    ),
  );
  const imageTokenBytes = (options.keptTiles ?? 0) * tokensPerTile * c.width * 4;
  return {
    ...{ plan, weights, caches, sizes, anyCache, queries, probabilities, record, buffers, scratch },
    ...{ selection, looking, imageTokenBytes, ring },
  };
}

/** True if the encoder tells how important image tokens are. */
function measures({ anyPlan = false, visualTokens }: AssembleOptions): boolean {
  return anyPlan || visualTokens?.by === "attention";
}

/** The plan with as many tiles to a pass over streamed layers as fit. Where importance is measured tiles go alone. */
function mostTiles(
  { visionConfig: v }: Pair,
  choice: Choice,
  options: AssembleOptions,
  alone: ModelPlan,
  planFor: (choice: Choice) => ModelPlan,
  fits: (plan: ModelPlan) => boolean,
): ModelPlan {
  if (choice.visionWeights === "resident" || measures(options)) return alone;
  const inContext = Math.floor(choice.contextTokens / (options.visualTokens?.keep ?? v.tokens));
  for (let tilesTogether = Math.min(MAX_TILES_TOGETHER, inContext); tilesTogether > 1; tilesTogether--) {
    const plan = planFor({ ...choice, tilesTogether });
    if (fits(plan)) return plan;
  }
  return alone;
}

/** Room for any plan's cache, in one piece, and for an index of text beside it: a backend may keep the two apart. */
function placeOfAnyCache(plan: MemoryPlan, { languageConfig: c }: Pair, contextTokens: number) {
  const sizes = [densePlan(c.layers), allLazy(c.layers)].map((lazy) => {
    const trial = new MemoryPlan(0);
    const { capacity } = new KvCache(trial, c, { contextTokens, lazy });
    return { bytes: trial.bytes("kv cache"), capacity };
  });
  const bytes = Math.max(...sizes.map(({ bytes }) => bytes));
  const textSlots = plan.reserve("text slots", sizes[0]!.capacity * 4);
  return { address: plan.reserve("kv cache", bytes), bytes, textSlots };
}

/** The plan whose cache has the most parts: besides its anchor's, keys of text in every layer. */
function allLazy(layers: number): LazyPlan {
  return { anchor: Array.from({ length: layers }, () => 0), mode: "vla" };
}

function attentionRecord(
  plan: MemoryPlan,
  { layers, heads }: LanguageConfig,
  { contextTokens }: LanguageSizes,
  { address: probabilities }: ProbabilityPlace,
): AttentionRecord {
  return { probabilities, weights: plan.reserve("activations", layers * heads * contextTokens * 4) };
}

function allParts(backend: Backend, l: ReturnType<typeof layout>, imageBytes: number): Part[] {
  return [
    ...l.plan.parts,
    ...(l.imageTokenBytes > 0 ? [{ name: "image tokens", bytes: l.imageTokenBytes }] : []),
    { name: "kernels", bytes: backend.base },
    { name: "picture decoder", bytes: imageBytes },
  ];
}
