/** The model, on a thread of its own, so that the page stays alive while it computes. */
import { type Captioner, load } from "../../sdk/mod.ts";
import { httpSource } from "../../sdk/sources/http.ts";
import { type Answered, type Loaded, type Progress, type Reply, type Request, WEIGHTS_CACHE } from "./messages.ts";
import { forgetOthers, type WeightsEvents, type WeightsFile, weightsSource } from "./weights.ts";

const MAX_TOKENS = 64;
/** Progress is told at most this often. */
const TELL_MS = 50;

let captioner: Captioner | undefined;
let running: AbortController | undefined;

const reply = (message: Reply) => postMessage(message);
/** The browser's own cache would keep a second copy. */
const uncached = (url: string, init: RequestInit) => fetch(url, { ...init, cache: "no-store" });

async function loadModel({ files, backend }: Request & { type: "load" }, signal: AbortSignal): Promise<Loaded> {
  const started = performance.now();
  const all = [files.text, files.vision];
  let progress: Progress = {
    ...{ fetchedBytes: 0, keptBytes: 0, damagedParts: 0, notKept: undefined },
    totalBytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  let toldMs = 0;
  const update = (news: Partial<Progress>) => {
    progress = { ...progress, ...news };
    if (performance.now() - toldMs < TELL_MS) return;
    toldMs = performance.now();
    reply({ type: "progress", progress });
  };
  const events: WeightsEvents = {
    fetched: (bytes) => update({ fetchedBytes: progress.fetchedBytes + bytes }),
    kept: (bytes) => update({ keptBytes: progress.keptBytes + bytes }),
    damaged: () => update({ damagedParts: progress.damagedParts + 1 }),
    notKept: (notKept) => update({ notKept }),
  };
  const cache = await caches.open(WEIGHTS_CACHE).catch((error) => {
    events.notKept(String(error));
    return undefined;
  });
  const source = (file: WeightsFile) =>
    weightsSource(file, httpSource(new URL(file.file, import.meta.url), { fetch: uncached }), cache, events);
  captioner = await load({ text: source(files.text), vision: source(files.vision), backend, signal });
  if (cache) await forgetOthers(all, cache);
  return {
    ...progress,
    loadMs: performance.now() - started,
    backend: captioner.backend,
    reason: captioner.backendReason,
  };
}

async function answer({ messages }: Request & { type: "ask" }, signal: AbortSignal): Promise<Answered> {
  if (!captioner) throw new Error("the model is not loaded");
  const asked = performance.now();
  let firstMs = 0;
  const answer = captioner.chat(messages, { maxTokens: MAX_TOKENS, signal });
  for await (const text of answer) {
    firstMs ||= performance.now() - asked;
    reply({ type: "piece", text });
  }
  const { text, usage: { completionTokens: tokens } } = await answer.result;
  const { backend, backendReason: reason } = captioner;
  return { text, tokens, firstMs, wholeMs: performance.now() - asked, backend, reason };
}

addEventListener("message", async ({ data }: MessageEvent<Request>) => {
  if (data.type === "stop") return running?.abort();
  const { signal } = running = new AbortController();
  try {
    if (data.type === "load") reply({ type: "loaded", loaded: await loadModel(data, signal) });
    else reply({ type: "answered", answered: await answer(data, signal) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    reply({ type: "failed", message, stopped: signal.aborted });
  }
});
