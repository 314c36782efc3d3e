/** The service with a small seeded model, in a process of its own: Deno's server, or the Worker in workerd. */
import { type GeneratedPair, generateModel, SHAPES } from "../bench/generate_model.ts";
import { childrenOf, processMemory, statusOf } from "../bench/workerd/runtimes.ts";
import { startServer } from "../service/server.ts";
import { IN_R2, putModel, startWorker } from "../workerd/worker.ts";
import { denoInspector, type Heap, heapAfterCollection } from "../bench/inspector.ts";
import { CONTEXT_TOKENS } from "./questions.ts";

/** The key that the service wants. */
export const KEY = "storm-key";
/** Answers that are computed at once. */
const CONVERSATIONS = 4;

/** A running service. */
export interface Target {
  readonly url: string;
  /** True if its engine is the one of this process. */
  readonly sameEngine: boolean;
  /** Collects its garbage, and tells what is left. */
  heap(): Promise<Heap>;
  /** Resident bytes of its process; undefined where the system does not tell. */
  residentBytes(): Promise<number | undefined>;
  close(): Promise<void>;
}

export type RuntimeName = "deno" | "workerd";

/** Writes the model that all targets load. */
export function stormModel(folder: string): Promise<GeneratedPair> {
  return generateModel(folder, SHAPES.small, "Q8_0");
}

export async function startTarget(runtime: RuntimeName, pair: GeneratedPair): Promise<Target> {
  return await (runtime === "deno" ? startDeno(pair) : startWorkerd(pair));
}

async function startDeno({ text, vision }: GeneratedPair): Promise<Target> {
  const inspector = denoInspector();
  const server = await startServer(
    [
      ...["--text", text, "--vision", vision, "--context", String(CONTEXT_TOKENS)],
      ...["--conversations", String(CONVERSATIONS)],
    ],
    { LORIS_API_KEYS: `${KEY},other` },
    inspector.flags,
  );
  return {
    ...{ url: server.url, sameEngine: true },
    heap: async () => await heapAfterCollection(await inspector.url(), () => health(server.url)),
    residentBytes: () => residentBytes(server.pid),
    async close() {
      server.kill("SIGTERM");
      const { code } = await server.ended;
      if (code !== 0) throw new Error(`the server ended with status ${code}`);
    },
  };
}

async function startWorkerd({ text, vision }: GeneratedPair): Promise<Target> {
  const worker = await startWorker("cloudflare/worker.mjs", {
    ...IN_R2,
    inspectorPort: 0,
    bindings: {
      ...IN_R2.bindings,
      ...{ LORIS_API_KEYS: `${KEY},other`, LORIS_CONVERSATIONS: String(CONVERSATIONS) },
      LORIS_CONTEXT_TOKENS: String(CONTEXT_TOKENS),
    },
  });
  await putModel(worker, await Deno.readFile(text), await Deno.readFile(vision));
  const inspector = new URL("/core:user:worker", await worker.miniflare.getInspectorURL()).href;
  const pid = await workerdAmong(await childrenOf(Deno.pid));
  return {
    ...{ url: worker.url, sameEngine: false },
    heap: () => heapAfterCollection(inspector, () => health(worker.url)),
    residentBytes: async () => pid === undefined ? undefined : await residentBytes(pid),
    close: () => worker.miniflare.dispose(),
  };
}

async function health(url: string): Promise<void> {
  await (await fetch(`${url}/health`)).body?.cancel();
}

async function workerdAmong(pids: readonly number[]): Promise<number | undefined> {
  for (const pid of pids) if (/^Name:\s+workerd$/m.test(await statusOf(pid))) return pid;
  return undefined;
}

async function residentBytes(pid: number): Promise<number | undefined> {
  return processMemory(await statusOf(pid))?.residentBytes;
}
