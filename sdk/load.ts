import type { Backend } from "./backend/backend.ts";
import { bestBuild, type KernelBuild } from "./backend/wasm/build.ts";
import {
  type BackendOption,
  BACKENDS,
  type Candidate,
  candidates,
  isOfBackend,
  type WebGpu,
} from "./backend_choice.ts";
import { Captioner, type CaptionerParts } from "./captioner.ts";
import { LorisError } from "./errors.ts";
import { Random } from "./generate/random.ts";
import { openGguf } from "./gguf/gguf.ts";
import { ImageDecoder } from "./image/decoder.ts";
import {
  assemble,
  type Assembled,
  type AssembleOptions,
  KV_TYPES,
  type KvType,
  planModel,
  VISION_WEIGHTS,
} from "./model/assemble.ts";
import type { LazyOption } from "./lazy/option.ts";
import { planFromSource } from "./lazy/plan_format.ts";
import { visualSelection, type VisualTokensOption } from "./lazy/visual_tokens.ts";
import { checkPair } from "./model/pair.ts";
import { type LoadProgress, loadWeights } from "./model/weights.ts";
import { readAsset } from "./platform/asset.ts";
import type { Source } from "./sources/source.ts";
import { DEFAULT_TEMPLATE } from "./text/template.ts";
import { Tokenizer } from "./text/tokenizer.ts";
import { tokenizerData } from "./text/vocabulary.ts";

/** What to load, and how. */
export interface LoadOptions {
  /** The text model: one GGUF, or all files of a split one in order. */
  readonly text: Source | readonly Source[];
  /** The vision model ("mmproj"): one GGUF, or all files of a split one. */
  readonly vision: Source | readonly Source[];
  /** Bytes for the model, its caches and the picture decoder together; 128 MiB. */
  readonly memoryBudget?: number;
  /**
   * "auto": as near to the file as the budget allows; or all in 4, 8 or 16 bits, where "q4" keeps the embedding in 8 bits and
   * "q4-all" does not.
   */
  readonly weights?: "auto" | "q4-all" | "q4" | "q8" | "f16";
  /**
   * "resident": the encoder's layers stay in memory; "streamed": they are read from their source for each picture, two of them
   * in memory at a time, so that the sources must stay open, and the same, until the captioner is closed; a damaged weight
   * is then found by the first picture. "auto", the default: resident if any `weights` fit, else streamed.
   */
  readonly visionWeights?: "auto" | "resident" | "streamed";
  /** Positions of the KV cache, in tokens; as many as fit, 2048 at most, if left out. */
  readonly contextTokens?: number;
  /** Pictures with more pixels are refused by their header; 50 million. */
  readonly maxImagePixels?: number;
  /** Pictures with more compressed bytes are refused; 20 MiB. */
  readonly maxImageBytes?: number;
  /**
   * What computes. "wasm", the default: the CPU. "auto": the GPU where the runtime has one (WebGPU) that is no software
   * adapter, and that makes one matrix product and one attention as the CPU does, else the CPU; `Captioner.backendReason` says
   * why. Looking for a GPU takes time and memory, so that it is only done where it is asked for. A GPU that fails later ends its
   * requests with `gpu_failed`, and those after them are computed on the CPU, for which the sources are read again. "webgpu":
   * the GPU, a software adapter too, or an error.
   */
  readonly backend?: BackendOption;
  /** Where a GPU is asked for; `navigator.gpu` if left out. For runtimes that hand one out in another way, and for tests. */
  readonly gpu?: WebGpu;
  /** Compiled modules, for runtimes that forbid compiling at run time; found beside the package's files if left out. */
  readonly modules?: {
    readonly kernels: WebAssembly.Module;
    readonly build: KernelBuild;
    readonly image: WebAssembly.Module;
  };
  /** Which kernels to load where `modules` does not say; the fastest that this engine runs right if left out. */
  readonly build?: KernelBuild;
  /**
   * Lazy Attention: layers that inherit queries and keys from the layer before ("off", the default; "auto": the plan that
   * the text model carries; "gla", "vla": its anchors in this mode; a plan; or the source of a JSON file with one). What a plan
   * makes unreachable is not loaded.
   */
  readonly lazy?: LazyOption | Source;
  /** Elements of the KV cache: "f16", the default; "q8", about half as large; "f32", twice as large, for comparisons. */
  readonly kv?: KvType;
  /**
   * How many of the context's tokens can be text. Lazy layers in mode "vla" keep keys of text alone, so that a smaller number
   * saves memory; without such layers it is of no effect. The context less one tile's tokens, if left out.
   */
  readonly textTokens?: number;
  /**
   * How many image tokens of a tile go on to the decoder: those that receive the most attention in the encoder's last layers,
   * at the places that they have among all, the others merged into them; or `{ keep, by, seed, merge }`. All, if left out.
   */
  readonly visualTokens?: VisualTokensOption;
  /** Requests that are computed at once, 1 to 64, each with a KV cache of its own; 1 if left out. More wait in order. */
  readonly conversations?: number;
  /** Tiles whose image tokens are kept, so that a later question about the same picture costs no look at it; 8. */
  readonly keptTiles?: number;
  /** Called as weights arrive. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** Ends the load; what is thrown is its reason. Of no effect on the captioner. */
  readonly signal?: AbortSignal;
}

const MIB = 2 ** 20;
/** As many rows as a decode step can have, each twice for its logits. */
const MAX_CONVERSATIONS = 64;

/**
 * Opens a pair of GGUF files and loads it into memory of a fixed size.
 *
 * Everything is checked and added up before anything is allocated; nothing is allocated after.
 *
 * @throws {LorisError} `argument_invalid`, `file_invalid`, `file_unsupported`, `pair_mismatch`, `source_failed`,
 * `memory_budget` (its message holds the whole sum), `gpu_unavailable` and `gpu_failed` for `backend: "webgpu"`; the signal's
 * reason.
 */
export async function load(options: LoadOptions): Promise<Captioner> {
  return new Captioner(await loadParts(options));
}

/**
 * What `load` makes a captioner of.
 *
 * @param anyPlan With room for every lazy plan.
 * @throws {LorisError} as {@link load}.
 */
export async function loadParts(options: LoadOptions, anyPlan = false): Promise<CaptionerParts> {
  const { signal } = options;
  const settings = { ...checkOptions(options), anyPlan };
  // all at once, for each waits for a disk or a network; of several errors the text model's is the one to be told
  const compiling = options.modules ?? packagedModules(options.build ?? bestBuild(), signal);
  const opening = openGguf(options.vision, signal);
  for (const later of [compiling, opening]) Promise.resolve(later).catch(() => {});
  const text = await openGguf(options.text, signal);
  const vision = await opening;
  const { lazy } = options;
  const pair = checkPair(text, vision, isSource(lazy) ? await planFromSource(lazy, signal) : lazy);
  const visualTokens = visualSelection(options.visualTokens, pair.visionConfig.tokens, (seed) => new Random(seed));
  const data = tokenizerData(text.metadata);
  const tokenizer = new Tokenizer(data);
  const modules = await compiling;
  const assembled = async (backend: Backend): Promise<Assembled> => {
    const model = assemble(backend, pair, planModel(backend, pair, { ...settings, visualTokens }));
    // engines compile well what has run for a while, on another thread, while weights are being read
    await model.vlm.vision.warmUp();
    await loadWeights(backend, model.placed, model.scratch, options.onProgress, signal);
    if (backend.name === "webgpu") await model.vlm.prove(model.cache);
    signal?.throwIfAborted();
    return model;
  };
  const tried = candidates(
    options.backend ?? "wasm",
    modules,
    settings.memoryBudget,
    options.gpu ?? globalThis.navigator?.gpu,
  );
  const { model, reason } = await firstOf(tried, assembled);
  const movable = model.vlm.backend.name === "webgpu" && tried.length > 1;
  return {
    ...{ model, backendReason: reason, memoryBytes: memoryOf(model) },
    ...(movable ? { onCpu: againOnCpu(options, anyPlan) } : {}),
    tokenizer,
    template: data.chatTemplate ?? DEFAULT_TEMPLATE,
    images: new ImageDecoder(modules.image, {
      maxMemoryBytes: model.imageBytes,
      maxPixels: options.maxImagePixels ?? 50e6,
    }),
    maxImageBytes: options.maxImageBytes ?? 20 * MIB,
  };
}

// functions that live on are made apart from `loadParts`: one of its own would hold all that it knows, the files' metadata too

function memoryOf({ vlm, imageTokens }: Assembled): () => number {
  return () => vlm.backend.memoryBytes + imageTokens.bytes;
}

function againOnCpu(options: LoadOptions, anyPlan: boolean): () => Promise<CaptionerParts> {
  return () => loadParts({ ...options, backend: "wasm", signal: undefined }, anyPlan);
}

/** A model on the first backend that can be had and does not fail, and why it is that one. */
async function firstOf(
  tried: readonly Candidate[],
  assembled: (backend: Backend) => Promise<Assembled>,
): Promise<{ readonly model: Assembled; readonly reason: string }> {
  const reasons: string[] = [];
  for (const [place, { name, open }] of tried.entries()) {
    let backend: Backend | undefined;
    try {
      backend = await open();
      const model = await assembled(backend);
      return { model, reason: [...reasons, tried.length === 1 ? `${name}: asked for` : name].join("; ") };
    } catch (error) {
      backend?.destroy();
      if (place === tried.length - 1 || !isOfBackend(error)) throw error;
      reasons.push(`not ${name}: ${error.message}`);
    }
  }
  throw new RangeError("there is no backend to try");
}

async function packagedModules(build: KernelBuild, signal?: AbortSignal): Promise<NonNullable<LoadOptions["modules"]>> {
  const image = new URL("./image/image.wasm", import.meta.url);
  return { kernels: await packagedKernels(build, signal), build, image: await compile(image, signal) };
}

/**
 * The kernels that ship with the package, compiled: what `loris/inspect` plans with.
 *
 * @throws {LorisError} `source_failed` if they are not beside the code; the signal's reason.
 */
export async function packagedKernels(build: KernelBuild, signal?: AbortSignal): Promise<WebAssembly.Module> {
  // written out one by one: bundlers follow only literal URLs
  const urls = {
    relaxed: new URL("./backend/wasm/kernels.relaxed.wasm", import.meta.url),
    simd128: new URL("./backend/wasm/kernels.simd128.wasm", import.meta.url),
    plain: new URL("./backend/wasm/kernels.plain.wasm", import.meta.url),
  };
  return await compile(urls[build], signal);
}

async function compile(url: URL, signal?: AbortSignal): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await readAsset(url, signal));
}

function checkOptions(options: LoadOptions): AssembleOptions {
  const { memoryBudget = 128 * MIB, weights = "auto", contextTokens, kv, textTokens } = options;
  const { conversations = 1, keptTiles = 8, visionWeights = "auto" } = options;
  const whole = (param: keyof LoadOptions, value: number | undefined, min: number, max = Infinity) => {
    if (value === undefined || (Number.isSafeInteger(value) && value >= min && value <= max)) return;
    const bounds = max === Infinity ? `from ${min}` : `from ${min} to ${max}`;
    throw new LorisError("argument_invalid", `${param} is ${value}, it must be a whole number ${bounds}`, { param });
  };
  whole("memoryBudget", memoryBudget, 1);
  whole("contextTokens", contextTokens, 8);
  whole("textTokens", textTokens, 8);
  whole("conversations", conversations, 1, MAX_CONVERSATIONS);
  whole("keptTiles", keptTiles, 0);
  whole("maxImagePixels", options.maxImagePixels, 1);
  whole("maxImageBytes", options.maxImageBytes, 1);
  if (!["auto", "q4-all", "q4", "q8", "f16"].includes(weights)) {
    const message = `weights is "${weights}", it must be "auto", "q4-all", "q4", "q8" or "f16"`;
    throw new LorisError("argument_invalid", message, { param: "weights" });
  }
  if (!VISION_WEIGHTS.includes(visionWeights)) {
    const message = `visionWeights is "${visionWeights}", it must be "auto", "resident" or "streamed"`;
    throw new LorisError("argument_invalid", message, { param: "visionWeights" });
  }
  if (kv !== undefined && !KV_TYPES.includes(kv)) {
    const message = `kv is "${kv}", it must be ${KV_TYPES.map((type) => `"${type}"`).join(" or ")}`;
    throw new LorisError("argument_invalid", message, { param: "kv" });
  }
  const { build, backend } = options;
  if (backend !== undefined && !BACKENDS.includes(backend)) {
    const message = `backend is "${backend}", it must be ${BACKENDS.map((name) => `"${name}"`).join(" or ")}`;
    throw new LorisError("argument_invalid", message, { param: "backend" });
  }
  if (build !== undefined && !["relaxed", "simd128", "plain"].includes(build)) {
    throw new LorisError("argument_invalid", `build is "${build}", it must be "relaxed", "simd128" or "plain"`, {
      param: "build",
    });
  }
  for (const param of ["text", "vision"] as const) {
    const sources = [options[param]].flat() as unknown[];
    if (sources.length > 0 && sources.every(isSource)) continue;
    throw new LorisError(
      "argument_invalid",
      `load() needs \`text\` and \`vision\`, each a source of a GGUF file or a list of sources, such as ` +
        `fileSource(path), httpSource(url) or bytesSource(bytes); \`${param}\` is ${nameOf(options[param])}`,
      { param },
    );
  }
  return { memoryBudget, weights, visionWeights, contextTokens, kv, textTokens, conversations, keptTiles };
}

function isSource(value: unknown): value is Source {
  const source = value as Partial<Source> | null | undefined;
  return typeof source?.size === "function" && typeof source.read === "function";
}

/** What a value is, in a word or two, never the value itself: it may be a whole file. */
function nameOf(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list with something else in it";
  if (value === undefined || value === null) return String(value);
  return typeof value === "object" ? value.constructor?.name ?? "an object" : `a ${typeof value}`;
}
