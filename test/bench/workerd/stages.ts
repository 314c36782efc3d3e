/** One photo's caption in a runtime, stage by stage. */
import type { Timings } from "../../../sdk/mod.ts";
import { median } from "../measure.ts";
import { withComment } from "../with_comment.ts";
import type { Runtime } from "./runtimes.ts";

/** One caption, stage by stage; milliseconds. */
interface CaptionStages {
  /** The picture's time, split as it is split where only pictures are decoded. */
  readonly decodeMs: number;
  readonly resizeMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  readonly perTokenMs: number;
  /** Decode steps: one less than the answer's tokens. */
  readonly steps: number;
  /** From the request to its whole answer, seen from outside; and what the stages leave of it: template, tokenizer, HTTP. */
  readonly totalMs: number;
  readonly restMs: number;
}

/** Medians, in milliseconds where nothing else is said. */
export interface Stages extends CaptionStages {
  readonly runtime: string;
  /** Which kernels the SDK took. */
  readonly backend: string;
  /** Opening and loading over HTTP from this machine; the first caption after it. */
  readonly loadMs: number;
  readonly firstCaptionMs: number;
  /** Products with 4-bit weights by rows: operations a second. */
  readonly linear: readonly { readonly rows: number; readonly perSecond: number }[];
  /** Process before anything was loaded, and after the first captions; undefined where the system does not tell. */
  readonly ownPeakBytes?: number;
  readonly peakBytes?: number;
  /** Address space that a WebAssembly memory of 32 MiB takes. */
  readonly addressBytesOfMemory?: number;
}

/** Repeats of a picture, so that a clock of whole milliseconds is fine enough. */
const PICTURES = 8;
/** Rows of a product and its repeats, likewise. */
const LINEAR = [[256, 16], [1, 1000]] as const;
const SPIN_ROUNDS = 2e8;

/**
 * Measures runtimes in turns, round after round.
 *
 * @throws {Error} if a runtime's clock does not run while it computes, or their captions differ.
 */
export async function compareRuntimes(
  runtimes: readonly Runtime[],
  model: { readonly text: string; readonly vision: string },
  photo: Uint8Array<ArrayBuffer>,
  rounds: number,
): Promise<Stages[]> {
  const starts = [];
  for (const runtime of runtimes) starts.push(await start(runtime, model, photo));
  const captions = new Set(starts.map(({ text }) => text));
  if (captions.size !== 1) throw new Error(`the captions differ: ${[...captions].join(" / ")}`);
  const measured = runtimes.map((): Round[] => []);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, runtime] of runtimes.entries()) measured[i]!.push(await measure(runtime, photo, round));
  }
  return starts.map(({ stages }, i) => {
    const of = (pick: (round: Round) => number) => median(measured[i]!.map(pick));
    return {
      ...stages,
      decodeMs: of((r) => r.decodeMs),
      resizeMs: of((r) => r.resizeMs),
      visionMs: of((r) => r.visionMs),
      prefillMs: of((r) => r.prefillMs),
      perTokenMs: of((r) => r.perTokenMs),
      steps: of((r) => r.steps),
      totalMs: of((r) => r.totalMs),
      restMs: of((r) => r.restMs),
      linear: LINEAR.map(([rows], j) => ({ rows, perSecond: of((r) => r.linear[j]!) })),
    };
  });
}

async function start(
  runtime: Runtime,
  model: { readonly text: string; readonly vision: string },
  photo: Uint8Array<ArrayBuffer>,
) {
  const own = await runtime.memory();
  await checkClock(runtime);
  const { backend, loadMs } = await runtime.ask("/load", model);
  const [firstCaptionMs, { text }] = await timed(() => runtime.ask("/caption", {}, photo));
  await runtime.ask("/caption", {}, photo);
  const peak = await runtime.memory();
  await runtime.ask("/linear", { rows: 1, times: 1 });
  const after = await runtime.memory();
  // once to warm up: engines compile what is hot
  await measure(runtime, photo, 0);
  const stages = {
    ...{ runtime: runtime.name, backend, loadMs, firstCaptionMs },
    ...{ ownPeakBytes: own?.peakBytes, peakBytes: peak?.peakBytes },
    addressBytesOfMemory: peak && after && after.addressBytes - peak.addressBytes,
  };
  return { text, stages };
}

/**
 * Workers' clocks may stand still between one I/O and the next, against attacks that need a clock; a stage would then take 0 ms.
 *
 * @throws {Error} if the runtime's clock tells much less than passes outside.
 */
export async function checkClock(runtime: Pick<Runtime, "name" | "ask">): Promise<void> {
  const [outside, { ms }] = await timed(() => runtime.ask("/spin", { rounds: SPIN_ROUNDS }));
  if (ms > outside / 2) return;
  throw new Error(
    `${runtime.name}'s clock went on by ${ms} ms while it computed for about ${
      outside.toFixed(0)
    } ms; its stages cannot ` +
      "be told by it",
  );
}

interface Round extends CaptionStages {
  /** Operations a second. */
  readonly linear: readonly number[];
}

/** @param round Of each another number: a picture that was seen before would cost neither a look nor its prompt. */
async function measure(runtime: Runtime, photo: Uint8Array<ArrayBuffer>, round: number): Promise<Round> {
  const [totalMs, { timings, usage }] = await timed(() =>
    runtime.ask("/caption", {}, withComment(photo, `round ${round}`))
  );
  if (timings.visionMs === 0) throw new Error("the picture was known before");
  const picture = await runtime.ask("/picture", { times: PICTURES }, photo);
  const linear = [];
  for (const [rows, times] of LINEAR) {
    const { ms, operations } = await runtime.ask("/linear", { rows, times });
    linear.push(operations / ms * 1000);
  }
  return { ...stagesOf(totalMs, timings, usage.completionTokens - 1, picture), linear };
}

/**
 * Splits one caption's time.
 *
 * @param picture Decoding alone and with resizing, measured on the same picture: only their ratio is used.
 */
export function stagesOf(
  totalMs: number,
  { decodeImageMs, visionMs, prefillMs, perTokenMs }: Timings,
  steps: number,
  picture: { readonly decodeMs: number; readonly decodeAndResizeMs: number },
): CaptionStages {
  const decodeMs = decodeImageMs * Math.min(1, picture.decodeMs / picture.decodeAndResizeMs);
  const restMs = totalMs - decodeImageMs - visionMs - prefillMs - perTokenMs * steps;
  const resizeMs = decodeImageMs - decodeMs;
  return { decodeMs, resizeMs, visionMs, prefillMs, perTokenMs, steps, totalMs, restMs };
}

async function timed<T>(run: () => Promise<T>): Promise<[ms: number, result: T]> {
  const started = performance.now();
  const result = await run();
  return [performance.now() - started, result];
}
