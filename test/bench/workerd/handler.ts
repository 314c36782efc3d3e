/**
 * The product behind `fetch`, as a worker has it, and what a measurement asks of it. One bundle runs in workerd and in Deno.
 *
 * Every time is the runtime's own clock's. A worker's clock may stand still while it computes: `/spin` tells.
 */
import { bestBuild } from "../../../sdk/backend/wasm/build.ts";
import { ImageDecoder } from "../../../sdk/image/decoder.ts";
import { type Captioner, type ChatResult, load, type MemoryReport } from "../../../sdk/mod.ts";
import { httpSource } from "../../../sdk/sources/http.ts";
import { linearMs } from "./linear.ts";

/** What ships with the package, compiled: workers may not compile at run time. */
export interface Modules {
  readonly relaxed: WebAssembly.Module;
  readonly simd128: WebAssembly.Module;
  readonly image: WebAssembly.Module;
}

/** Answers by path; each takes a POST. Times are milliseconds. */
export interface Answers {
  /** `?text=URL&vision=URL`: loads the pair. */
  readonly "/load": { readonly backend: string; readonly loadMs: number; readonly memory: MemoryReport };
  /** A photo in the body. */
  readonly "/caption": ChatResult;
  /** A photo in the body, `?times=N`: one decoding at the photo's own size, and one to the tile's. */
  readonly "/picture": { readonly decodeMs: number; readonly decodeAndResizeMs: number };
  /** `?rows=M&times=N`: one product of M rows with 4-bit weights. */
  readonly "/linear": { readonly ms: number; readonly operations: number };
  /** `?rounds=N`: computes, and says how long the clock thinks that it took. */
  readonly "/spin": { readonly ms: number };
}

type Query = URLSearchParams;

const TILE = 224;

/** @returns What answers a request; a failure is an answer of status 500 with its message. */
export function createHandler(modules: Modules): (request: Request) => Promise<Response> {
  let captioner: Captioner | undefined;
  const build = bestBuild() === "relaxed" ? "relaxed" : "simd128";
  const kernels = modules[build];
  const decoder = new ImageDecoder(modules.image, { maxMemoryBytes: 64 << 20, maxPixels: 50e6 });

  const routes: { [P in keyof Answers]: (request: Request, query: Query) => Promise<Answers[P]> } = {
    async "/load"(_, query) {
      const [text, vision] = [httpSource(query.get("text")!), httpSource(query.get("vision")!)];
      const started = performance.now();
      captioner = await load({ text, vision, contextTokens: 512, modules: { kernels, build, image: modules.image } });
      return { backend: captioner.backend, loadMs: performance.now() - started, memory: captioner.memory };
    },
    async "/caption"(request) {
      if (!captioner) throw new Error("/load comes first");
      return await captioner.caption(new Uint8Array(await request.arrayBuffer())).result;
    },
    async "/picture"(request, query) {
      const photo = new Uint8Array(await request.arrayBuffer());
      const { width, height } = decoder.probe(photo);
      const ms = (width: number, height: number) => msOf(times(query), () => void decoder.decode(photo, width, height));
      return { decodeMs: ms(width, height), decodeAndResizeMs: ms(TILE, TILE) };
    },
    "/linear": async (_, query) => await linearMs(kernels, build, Number(query.get("rows")), times(query)),
    "/spin": (_, query) => Promise.resolve({ ms: msOf(1, () => spin(Number(query.get("rounds")))) }),
  };

  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const route = routes[pathname as keyof Answers] as
      | ((request: Request, query: Query) => Promise<unknown>)
      | undefined;
    if (!route) return new Response(`no such route: ${pathname}`, { status: 404 });
    try {
      return Response.json(await route(request, searchParams));
    } catch (error) {
      return new Response(error instanceof Error ? error.stack ?? error.message : String(error), { status: 500 });
    }
  };
}

const times = (query: Query) => Number(query.get("times"));

/** Milliseconds of one of `count` runs. */
function msOf(count: number, run: () => void): number {
  const started = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - started) / count;
}

/** Something that no engine leaves out: its result decides whether it throws. */
function spin(rounds: number): void {
  let state = 1;
  for (let i = 0; i < rounds; i++) state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  if (state === 0.5) throw new Error("a whole number is none");
}
