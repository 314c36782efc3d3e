/** Runs a target in a thread, and watches it from outside. */
import { basename } from "node:path";
import { bundled } from "./bundle.ts";
import type { Budget, Outcome, Progress } from "./outcome.ts";
import type { Job, Message } from "./worker.ts";

const MAX_INPUT_BYTES = 1 << 16;
/** Above what the process has when a target begins: nothing here needs a tenth of it. */
const MAX_GROWTH_BYTES = 1 << 30;
const WATCH_MS = 500;

/** Targets whose work is in WebAssembly, where nothing counts branches: they run as they are. */
const UNCOUNTED: readonly string[] = ["kernels.ts", "picture.ts"];

export interface Options extends Budget {
  /** Without a sign of life for so long, a target hangs. */
  readonly hangSeconds?: number;
}

/**
 * @param entry The target's module.
 * @returns what came of it; that it hung, or took memory without end, is a finding, with the input that was running.
 */
export async function runTarget(entry: URL, { hangSeconds = 30, ...budget }: Options): Promise<Outcome> {
  const path = await Deno.makeTempFile({ suffix: ".mjs" });
  const program = UNCOUNTED.includes(basename(entry.pathname)) ? undefined : await bundled(entry.pathname);
  const { edges, constants } = program ?? { edges: 0, constants: new Set<string>() };
  const current = new SharedArrayBuffer(4 + MAX_INPUT_BYTES);
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const startBytes = Deno.memoryUsage().rss;
  let watch: ReturnType<typeof setInterval> | undefined;
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      let last: Progress = { executions: 0, cpuSeconds: 0, covered: 0, edges, corpus: 0 };
      let heardMs = performance.now();
      const give = (what: string) => {
        const length = new Int32Array(current, 0, 1)[0]!;
        resolve({ ...last, findings: [{ what, input: new Uint8Array(current, 4, length).slice() }] });
      };
      watch = setInterval(() => {
        if (performance.now() - heardMs > hangSeconds * 1000) give(`hang: no sign of life for ${hangSeconds} seconds`);
        const grown = Deno.memoryUsage().rss - startBytes;
        if (grown > MAX_GROWTH_BYTES) give(`memory: the process has grown by ${grown} bytes`);
      }, WATCH_MS);
      worker.onmessage = ({ data }: MessageEvent<Message>) => {
        heardMs = performance.now();
        if ("failed" in data) reject(new Error(`${entry.pathname}: ${data.failed}`));
        else if ("outcome" in data) resolve({ ...data.outcome, edges });
        else last = { ...data.progress, edges };
      };
      worker.onerror = (event) => {
        event.preventDefault();
        give(`outside of any call: ${event.message}`);
      };
      const module = program && { path, code: program.code };
      const job: Job = { module, entry: entry.href, edges, constants, current, ...budget };
      worker.postMessage(job);
    });
  } finally {
    clearInterval(watch);
    worker.terminate();
    await Deno.remove(path);
  }
}
