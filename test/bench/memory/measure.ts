/** What a runtime's process grows by over one that answers requests and does nothing else. */
import type { Heap } from "../inspector.ts";
import type { Runtime } from "../workerd/runtimes.ts";
import type { Loaded } from "./handler.ts";
import { type ResidentParts, residentParts } from "./smaps.ts";

/** A pair that is measured, and how it is loaded. */
export interface Subject {
  readonly name: string;
  /** URLs of its files. */
  readonly text: string;
  readonly vision: string;
  readonly budgetBytes: number;
  readonly contextTokens: number;
  readonly kv: "f16" | "q8";
  /** Small requests in a row, at least 10. */
  readonly requests: number;
}

/** Bytes are a process's growth over an empty one's peak. */
export interface Growth extends Loaded {
  readonly runtime: string;
  readonly model: string;
  readonly budgetBytes: number;
  readonly loadedBytes: number;
  /** The most until the first caption had ended. */
  readonly captionBytes: number;
  readonly kv: string;
  /** Resident after a tenth of the requests in a row, after half, and after all. */
  readonly row: {
    readonly requests: number;
    readonly tenthBytes: number;
    readonly halfBytes: number;
    readonly allBytes: number;
  };
  /** The engine's heap after it was made to collect then, and what was resident; where the runtime can be asked. */
  readonly collected: (Heap & { readonly residentBytes: number }) | undefined;
  /** What was resident of the whole process before. */
  readonly parts: ResidentParts;
  /** Large photos at once: answers by status. */
  readonly flood: Readonly<Record<string, number>>;
  /** The most of all. */
  readonly peakBytes: number;
}

const FLOOD = 10;
/** The longest that an answer may take: else the run ends. */
const ANSWER_MS = 600_000;

/**
 * @param emptyBytes Peak of an empty runtime's process.
 * @throws {Error} if a request is answered with anything but success, or in the flood by success and refusals.
 */
export async function measureGrowth(
  runtime: Runtime,
  subject: Subject,
  emptyBytes: number,
  photo: Uint8Array<ArrayBuffer>,
  large: Uint8Array<ArrayBuffer>,
): Promise<Growth> {
  const memory = async () => {
    const now = await runtime.memory();
    if (!now) throw new Error("this system does not tell a process's memory; run it on Linux");
    return { residentBytes: now.residentBytes - emptyBytes, peakBytes: now.peakBytes - emptyBytes };
  };
  const { text, vision, budgetBytes, contextTokens, kv, requests } = subject;
  const query = { text, vision, budget: budgetBytes, context: contextTokens, kv };
  const loaded: Loaded = await (await post(runtime, "/load", query)).json();
  const { peakBytes: loadedBytes } = await memory();
  await caption(runtime, photo, 8);
  const { peakBytes: captionBytes } = await memory();
  let [tenthBytes, halfBytes] = [0, 0];
  for (let i = 1; i <= requests; i++) {
    await caption(runtime, photo, 2, `What is number ${i % 7}?`);
    if (i === Math.ceil(requests / 10)) tenthBytes = (await memory()).residentBytes;
    if (i === Math.ceil(requests / 2)) halfBytes = (await memory()).residentBytes;
  }
  const row = { requests, tenthBytes, halfBytes, allBytes: (await memory()).residentBytes };
  const parts = residentParts(await runtime.mappings(), loaded.memoryBytes);
  const heap = await runtime.heap?.();
  const collected = heap && { ...heap, residentBytes: (await memory()).residentBytes };
  const flood = await floodOf(runtime, large);
  const { peakBytes } = await memory();
  return {
    ...{
      runtime: runtime.name,
      model: subject.name,
      budgetBytes,
      kv,
      ...loaded,
      loadedBytes,
      captionBytes,
      row,
      parts,
    },
    ...{ collected, flood, peakBytes },
  };
}

async function floodOf(runtime: Runtime, large: Uint8Array<ArrayBuffer>): Promise<Record<string, number>> {
  const url = new URL("/caption", runtime.url);
  const headers = { "content-type": "image/png" };
  const statuses = await Promise.all(Array.from({ length: FLOOD }, async () => {
    const response = await fetch(url, { method: "POST", body: large, headers, signal: AbortSignal.timeout(ANSWER_MS) });
    await response.body?.cancel();
    return response.status;
  }));
  const strange = statuses.find((status) => status !== 200 && status !== 429);
  if (strange !== undefined || !statuses.includes(200)) {
    throw new Error(`the flood was answered ${statuses.join(", ")}`);
  }
  return { "200": statuses.filter((s) => s === 200).length, "429": statuses.filter((s) => s === 429).length };
}

async function caption(runtime: Runtime, photo: Uint8Array<ArrayBuffer>, tokens: number, prompt = ""): Promise<void> {
  const query = { max_tokens: tokens, ...(prompt === "" ? {} : { prompt }) };
  await (await post(runtime, "/caption", query, photo)).body?.cancel();
}

async function post(
  runtime: Runtime,
  path: string,
  query: Record<string, string | number>,
  body: Uint8Array<ArrayBuffer> = new Uint8Array(0),
): Promise<Response> {
  const url = new URL(path, runtime.url);
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
  const headers = { "content-type": "image/jpeg" };
  const response = await fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(ANSWER_MS) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response;
}
