/** The same handler in workerd and in Deno, each in a process of its own. */
import { type MiniflareModule, startMiniflare } from "../../workerd/miniflare.ts";
import type { Bundle } from "./bundle.ts";
import { type Heap, heapAfterCollection } from "../inspector.ts";
import type { Answers } from "./handler.ts";

/** A runtime with the handler in it. */
export interface Runtime {
  readonly name: string;
  readonly url: URL;
  ask<P extends keyof Answers>(
    path: P,
    query?: Record<string, string | number>,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Answers[P]>;
  /** Bytes of its process; undefined where the system does not tell. */
  memory(): Promise<ProcessMemory | undefined>;
  /** Its heap after everything that nobody holds has been collected, where it can be asked. */
  heap?(): Promise<Heap>;
  /** Linux's `smaps` of its process; empty where the system has none. */
  mappings(): Promise<string>;
  close(): Promise<void>;
}

export interface ProcessMemory {
  /** Resident now. */
  readonly residentBytes: number;
  /** The most that was resident at any time. */
  readonly peakBytes: number;
  /** Address space taken, whether there is memory behind it or not. */
  readonly addressBytes: number;
}

const WORKER = `
import relaxed from "./relaxed.wasm";
import simd128 from "./simd128.wasm";
import image from "./image.wasm";
import { createHandler } from "./handler.mjs";
export default { fetch: createHandler({ relaxed, simd128, image }) };
`;

export async function startWorkerd(files: Bundle): Promise<Runtime> {
  const before = await childrenOf(Deno.pid);
  const wasm = async (name: "relaxed" | "simd128" | "image"): Promise<MiniflareModule> => ({
    ...{ type: "CompiledWasm", path: `${name}.wasm`, contents: await Deno.readFile(files[name]) },
  });
  const miniflare = startMiniflare([
    { type: "ESModule", path: "worker.mjs", contents: WORKER },
    { type: "ESModule", path: "handler.mjs", contents: await Deno.readTextFile(files.handler) },
    ...await Promise.all([wasm("relaxed"), wasm("simd128"), wasm("image")]),
    // past miniflare's own worker, whose isolate is in the same process and takes memory for each request
  ], { name: "worker", inspectorPort: 0, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] });
  await miniflare.ready;
  const url = await miniflare.unsafeGetDirectURL("worker");
  const started = (await childrenOf(Deno.pid)).filter((pid) => !before.includes(pid));
  return {
    name: "workerd",
    url,
    ask: (path, query, body) => ask(url, path, query, body),
    memory: async () => started.length === 1 ? processMemory(await statusOf(started[0]!)) : undefined,
    async heap() {
      const inspector = new URL("/core:user:worker", await miniflare.getInspectorURL()).href;
      return await heapAfterCollection(inspector, async () => await (await fetch(url)).body?.cancel());
    },
    mappings: async () => started.length === 1 ? await mappingsOf(started[0]!) : "",
    close: () => miniflare.dispose(),
  };
}

export async function startDeno(files: Bundle): Promise<Runtime> {
  const script = new URL("./deno_server.ts", import.meta.url).pathname;
  const args = ["run", "--quiet", "--allow-read", "--allow-net=127.0.0.1", script, JSON.stringify(files)];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: port } = await reader.read();
  if (port === undefined) throw new Error("Deno's server ended before it began");
  const url = new URL(`http://127.0.0.1:${port.trim()}/`);
  return {
    name: "Deno",
    url,
    ask: (path, query, body) => ask(url, path, query, body),
    memory: async () => processMemory(await statusOf(child.pid)),
    mappings: () => mappingsOf(child.pid),
    async close() {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

async function ask<P extends keyof Answers>(
  base: URL,
  path: P,
  query: Record<string, string | number> = {},
  body: Uint8Array<ArrayBuffer> = new Uint8Array(0),
): Promise<Answers[P]> {
  const url = new URL(path, base);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  const response = await fetch(url, { method: "POST", body });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return await response.json();
}

/** Linux's word on a process, or nothing. */
export async function statusOf(pid: number): Promise<string> {
  return await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
}

async function mappingsOf(pid: number): Promise<string> {
  return await Deno.readTextFile(`/proc/${pid}/smaps`).catch(() => "");
}

/** What `/proc/PID/status` says of a process's memory. */
export function processMemory(status: string): ProcessMemory | undefined {
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
  const memory = { residentBytes: bytes("VmRSS"), peakBytes: bytes("VmHWM"), addressBytes: bytes("VmSize") };
  return Object.values(memory).some(Number.isNaN) ? undefined : memory;
}

/** Processes that another has begun; none where the system does not tell, or may not be asked. */
export async function childrenOf(pid: number): Promise<number[]> {
  if (Deno.build.os !== "linux") return [];
  const entries = await Array.fromAsync(Deno.readDir("/proc")).catch(() => []);
  const pids = entries.map(({ name }) => Number(name)).filter(Number.isInteger);
  const parents = await Promise.all(pids.map(async (id) => /^PPid:\s+(\d+)$/m.exec(await statusOf(id))?.[1]));
  return pids.filter((_, i) => Number(parents[i]) === pid);
}
