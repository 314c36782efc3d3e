/** miniflare, which runs Cloudflare's workerd as a process of its own, installed into a folder that git ignores. */
import { basename } from "node:path";
import { createRequire } from "node:module";
import type { WorkerBundle } from "../../tools/bundle_worker.ts";
import { exists, run } from "../bench/command.ts";

export const FOLDER = new URL("../../.bench/workerd/", import.meta.url).pathname;
export const MINIFLARE = "4.20260426.0";
export const COMPATIBILITY_DATE = "2026-04-01";

/** The little of miniflare that is called. */
export interface Miniflare {
  readonly ready: Promise<URL>;
  unsafeGetDirectURL(worker: string): Promise<URL>;
  /** Where the option `inspectorPort` is given. */
  getInspectorURL(): Promise<URL>;
  dispose(): Promise<void>;
  getR2Bucket(binding: string): Promise<BucketProxy>;
  getD1Database(binding: string): Promise<DatabaseProxy>;
  getQueueProducer(binding: string): Promise<{ send(body: unknown): Promise<unknown> }>;
}

interface BucketProxy {
  put(key: string, bytes: Uint8Array): Promise<{ etag: string; size: number }>;
  delete(key: string): Promise<void>;
}

interface DatabaseProxy {
  prepare(sql: string): { all(): Promise<{ results: Record<string, unknown>[] }>; run(): Promise<unknown> };
}

/** A module as miniflare takes it. */
export interface MiniflareModule {
  readonly type: "ESModule" | "CompiledWasm" | "Data";
  readonly path: string;
  readonly contents: string | Uint8Array;
}

/** Installs miniflare, which brings workerd. */
export async function installMiniflare(): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const manifest = JSON.stringify({ private: true, dependencies: { miniflare: MINIFLARE } });
  const has = await Deno.readTextFile(`${FOLDER}package.json`).catch(() => "");
  if (has === manifest && await exists(`${FOLDER}node_modules/miniflare`)) return;
  await Deno.writeTextFile(`${FOLDER}package.json`, manifest);
  await run(FOLDER, Deno.execPath(), ["install", "--node-modules-dir=auto", "--quiet"]);
}

/** Starts workerd with modules; the first is the worker. */
export function startMiniflare(modules: readonly MiniflareModule[], options: object = {}): Miniflare {
  const { Miniflare: Create } = createRequire(`${FOLDER}package.json`)("miniflare") as {
    Miniflare: new (options: object) => Miniflare;
  };
  // else it asks a server on the net what a request's `cf` would say
  return new Create({ compatibilityDate: COMPATIBILITY_DATE, cf: false, modules, ...options });
}

/** A bundle's files with their types. */
export async function bundleModules({ code, files }: WorkerBundle): Promise<MiniflareModule[]> {
  const beside = files.map(async (file): Promise<MiniflareModule> => ({
    type: file.endsWith(".wasm") ? "CompiledWasm" : "Data",
    path: basename(file),
    contents: await Deno.readFile(file),
  }));
  return [
    { type: "ESModule", path: "worker.mjs", contents: await Deno.readTextFile(code) },
    ...await Promise.all(beside),
  ];
}
