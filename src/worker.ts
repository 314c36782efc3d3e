/**
 * The service and the bulk captioner as a Cloudflare Worker: what runs where is decided by the bindings that it has.
 * `cloudflare/` holds the entries that a bundle is made of.
 *
 * @example
 * ```js ignore
 * import relaxed from "loris/kernels.relaxed.wasm";
 * import simd128 from "loris/kernels.simd128.wasm";
 * import image from "loris/image.wasm";
 * import { createWorker } from "loris/worker";
 *
 * export default createWorker({ modules: { relaxed, simd128, image } });
 * ```
 *
 * @module
 */
import { bestBuild } from "../sdk/backend/wasm/build.ts";
import type { Captioner } from "../sdk/captioner.ts";
import { LorisError } from "../sdk/errors.ts";
import { load, type LoadOptions } from "../sdk/load.ts";
import type { CacheLike } from "../sdk/sources/cached.ts";
import { type BulkEnv, consume, type MessageBatchLike } from "./bulk/consumer.ts";
import { createApp, type ServiceOptions } from "./service/app.ts";
import { ModelHolder } from "./service/model_holder.ts";
import { type EmbeddedModel, type ModelEnv, modelFiles } from "./worker_model.ts";

export type { D1Like, D1StatementLike } from "./bulk/store.ts";
export type { MessageLike, PhotosLike } from "./bulk/consumer.ts";
export type { BulkEnv, EmbeddedModel, MessageBatchLike, ModelEnv };

/** Compiled modules: workers may not compile at run time, so that a bundle imports them. */
export interface WorkerModules {
  /** `loris/kernels.relaxed.wasm`, for engines with relaxed SIMD. */
  readonly relaxed: WebAssembly.Module;
  /** `loris/kernels.simd128.wasm`, for the others. */
  readonly simd128: WebAssembly.Module;
  /** `loris/image.wasm`, the picture decoder. */
  readonly image: WebAssembly.Module;
}

/** Bindings and variables of the worker; each may be missing. */
export interface WorkerEnv extends ModelEnv, BulkEnv {
  /** Keys of which a request must bring one, with commas between them; a secret. Open without it. */
  readonly LORIS_API_KEYS?: string;
  /** For the model and its caches, in MiB; 80. An isolate has 128 MB for everything. */
  readonly LORIS_MEMORY_MIB?: string;
  /** Positions of a conversation's cache, in tokens; 512. */
  readonly LORIS_CONTEXT_TOKENS?: string;
  /** Requests that are computed at once; 2. */
  readonly LORIS_CONVERSATIONS?: string;
}

/** What an isolate has room for beside the model: of one body, and of all together, of which one may be larger. */
export const WORKER_LIMITS = { maxBodyBytes: 8 * 2 ** 20, maxHeldBytes: 4 * 2 ** 20 };

/** What {@link createWorker} makes a worker of. */
export interface WorkerOptions {
  /** What computes. */
  readonly modules: WorkerModules;
  /** A model in the bundle, taken where no binding brings one. */
  readonly embedded?: EmbeddedModel;
  /** Options of the service; keys come from `LORIS_API_KEYS` if they are left out, {@link WORKER_LIMITS} hold where they say nothing. */
  readonly service?: ServiceOptions<WorkerEnv>;
  /** How the model is loaded, where that is not left to the variables. */
  readonly load?: Omit<LoadOptions, "text" | "vision" | "modules" | "build" | "signal">;
}

/** The little of Cloudflare's `ExecutionContext` that is called. */
export interface ContextLike {
  /** Keeps the isolate at work after the answer. */
  waitUntil(work: Promise<unknown>): void;
  /** Lets the origin answer where the worker throws. */
  passThroughOnException(): void;
  /** Of the binding that called. */
  readonly props: unknown;
}

/** A worker's handlers. */
export interface Worker {
  /** Answers a request as the service does. */
  fetch(request: Request, env: WorkerEnv, context: ContextLike): Promise<Response>;
  /** Captions the pictures that a batch of R2's event notifications names, into D1. */
  queue(batch: MessageBatchLike, env: WorkerEnv, context: ContextLike): Promise<void>;
}

/**
 * A worker that answers HTTP requests and captions the pictures of a queue, with one model for both. It is loaded by the
 * first that needs it.
 *
 * @throws {LorisError} `argument_invalid` naming the service's option that is out of its bounds.
 */
export function createWorker({ modules, embedded, service = {}, load: loading = {} }: WorkerOptions): Worker {
  const model = new ModelHolder<WorkerEnv>((env) => loadModel(env, modules, embedded, loading));
  let app: ReturnType<typeof createApp<WorkerEnv>> | undefined;
  return {
    async fetch(request, env, context) {
      const open = env.LORIS_API_KEYS === undefined;
      const keys = open ? {} : { apiKeys: ({ LORIS_API_KEYS }: WorkerEnv) => listOf(LORIS_API_KEYS) };
      // whether there are keys is known by the first request's bindings, which are every request's
      app ??= createApp<WorkerEnv>(model, { ...WORKER_LIMITS, ...keys, ...service });
      return piped(await app.fetch(request, env, context), context);
    },
    async queue(batch, env, context) {
      const waitUntil = (work: Promise<unknown>) => context.waitUntil(work);
      await consume(batch, env, (signal) => model.get(env, waitUntil, signal), waitUntil);
    },
  };
}

/**
 * An event stream through the runtime's own pipe. Where a write meets a connection that has just been lost, workerd tells it
 * to the writer of such a pipe alone: a stream made in JavaScript is just never asked again, and the request's signal stays
 * silent.
 */
function piped(response: Response, context: ContextLike): Response {
  const type = response.headers.get("content-type") ?? "";
  if (!response.body || !type.startsWith("text/event-stream")) return response;
  const { IdentityTransformStream: Pipe = TransformStream } = globalThis as {
    IdentityTransformStream?: new () => TransformStream<Uint8Array, Uint8Array>;
  };
  const { readable, writable } = new Pipe();
  // a failure cancels the service's stream, which ends the work
  context.waitUntil(response.body.pipeTo(writable).catch(() => {}));
  return new Response(readable, response);
}

async function loadModel(
  env: WorkerEnv,
  { image, ...kernels }: WorkerModules,
  embedded: EmbeddedModel | undefined,
  options: WorkerOptions["load"],
): Promise<Captioner> {
  const build = bestBuild() === "relaxed" ? "relaxed" : "simd128";
  return await load({
    ...modelFiles(env, embedded, edgeCache()),
    memoryBudget: variable(env, "LORIS_MEMORY_MIB", 80) * 2 ** 20,
    contextTokens: variable(env, "LORIS_CONTEXT_TOKENS", 512),
    conversations: variable(env, "LORIS_CONVERSATIONS", 2),
    ...options,
    modules: { kernels: kernels[build], build, image },
  });
}

/** The cache of this data centre; runtimes that only look like Cloudflare's may have none. */
function edgeCache(): CacheLike | undefined {
  return (globalThis as { caches?: { default?: CacheLike } }).caches?.default;
}

function variable(
  env: WorkerEnv,
  name: "LORIS_MEMORY_MIB" | "LORIS_CONTEXT_TOKENS" | "LORIS_CONVERSATIONS",
  initial: number,
): number {
  const text = env[name];
  const value = text === undefined ? initial : Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new LorisError("argument_invalid", `the variable ${name} is "${text}", it must be a whole number from 1`, {
    param: name,
  });
}

/** Nothing between two commas is no key: an empty one would be anybody's. */
function listOf(text = ""): string[] {
  return text.split(",").map((key) => key.trim()).filter((key) => key !== "");
}
