import type { Captioner, ChatResult } from "../../sdk/captioner.ts";
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { median } from "./measure.ts";

const file = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;
const PHOTO = file("examples/photos/mountain_path.jpg");

/** Median times of a warm caption of a photo of 1024 x 768 pixels, in milliseconds. */
export interface CaptionTimes {
  readonly decodeImageMs: number;
  readonly visionMs: number;
  readonly prefillMs: number;
  readonly perTokenMs: number;
  readonly tokens: number;
  readonly totalMs: number;
  /** Opening, loading and the first caption, in a process whose modules are compiled anew. */
  readonly coldMs: number;
  /** Reading the two files alone. */
  readonly readFilesMs: number;
  readonly weightsBytes: number;
}

async function openNano(): Promise<Captioner> {
  const [text, vision] = ["nano-text-q4_0.gguf", "nano-mmproj-q8_0.gguf"].map((n) =>
    fileSource(file(`models/nano/${n}`))
  );
  const captioner = await load({ text: text!, vision: vision!, contextTokens: 512 });
  await Promise.all([text!.close(), vision!.close()]);
  return captioner;
}

/** Captions with the embedded model: cold once, then warm, medians of `rounds`. */
export async function captionTimes(rounds = 7): Promise<CaptionTimes> {
  const photo = await Deno.readFile(PHOTO);
  const beforeRead = performance.now();
  for (const name of ["nano-text-q4_0.gguf", "nano-mmproj-q8_0.gguf"]) await Deno.readFile(file(`models/nano/${name}`));
  const readFilesMs = performance.now() - beforeRead;

  const started = performance.now();
  const captioner = await openNano();
  await captioner.caption(photo).result;
  const coldMs = performance.now() - started;

  const results: (ChatResult & { totalMs: number })[] = [];
  for (let i = 0; i < rounds; i++) {
    const before = performance.now();
    const result = await captioner.caption(photo).result;
    results.push({ ...result, totalMs: performance.now() - before });
  }
  const of = (pick: (r: ChatResult & { totalMs: number }) => number) => median(results.map(pick));
  const { weightsBytes } = captioner.memory;
  await captioner.close();
  return {
    decodeImageMs: of((r) => r.timings.decodeImageMs),
    visionMs: of((r) => r.timings.visionMs),
    prefillMs: of((r) => r.timings.prefillMs),
    perTokenMs: of((r) => r.timings.perTokenMs),
    tokens: of((r) => r.usage.completionTokens),
    totalMs: of((r) => r.totalMs),
    ...{ coldMs, readFilesMs, weightsBytes },
  };
}
