/** The service as a worker has it, with a route that loads the pair that is to be measured. One bundle runs in workerd and in Deno. */
import type { ExecutionContext } from "hono";
import { bestBuild } from "../../../sdk/backend/wasm/build.ts";
import { load } from "../../../sdk/mod.ts";
import { httpSource } from "../../../sdk/sources/http.ts";
import { createApp } from "../../../src/service/app.ts";
import { WORKER_LIMITS } from "../../../src/worker.ts";
import type { Modules } from "../workerd/handler.ts";

/** What `/load` answers. */
export interface Loaded {
  readonly visionWeights: string;
  readonly weights: string;
  readonly contextTokens: number;
  /** The plan's sum as far as it is reserved. */
  readonly memoryBytes: number;
}

/** The worker's limits; requests of the large model take their time. */
const SERVICE = { ...WORKER_LIMITS, requestTimeoutMs: 600_000 };

/** @returns What answers a request: `/load?text=URL&vision=URL&budget=BYTES&context=TOKENS&kv=TYPE`, and the service's routes after it. */
export function createHandler(
  modules: Modules,
): (request: Request, env?: object, context?: ExecutionContext) => Promise<Response> {
  let app: ReturnType<typeof createApp> | undefined;
  const build = bestBuild() === "relaxed" ? "relaxed" : "simd128";
  return async (request, env, context) => {
    const { pathname, searchParams: query } = new URL(request.url);
    if (pathname !== "/load") {
      return app ? await app.fetch(request, env, context) : new Response("/load comes first", { status: 503 });
    }
    try {
      const captioner = await load({
        ...{ text: httpSource(query.get("text")!), vision: httpSource(query.get("vision")!) },
        memoryBudget: Number(query.get("budget")),
        contextTokens: Number(query.get("context")),
        kv: query.get("kv") as "f16" | "q8",
        modules: { kernels: modules[build], build, image: modules.image },
      });
      app = createApp(captioner, SERVICE);
      const { visionWeights, weights, contextTokens, memory } = captioner;
      return Response.json({ visionWeights, weights, contextTokens, memoryBytes: memory.peakBytes } satisfies Loaded);
    } catch (error) {
      return new Response(error instanceof Error ? error.stack ?? error.message : String(error), { status: 500 });
    }
  };
}
