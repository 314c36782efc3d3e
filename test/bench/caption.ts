/** Where the time of a photo's caption goes, warm and cold, with the embedded model. */
import type { ChatResult } from "../../sdk/chat.ts";
import { ImageDecoder } from "../../sdk/image/decoder.ts";
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { median } from "./measure.ts";
import { NANO } from "./model.ts";
import { withComment } from "./with_comment.ts";

const here = (path: string) => new URL(`../../${path}`, import.meta.url);
const PHOTO = here("examples/photos/mountain_path.jpg");

/** Medians, in milliseconds. */
export interface CaptionTimes {
  /** The JPEG of 1024 x 768 pixels into pixels; bringing those to the tile's size. */
  readonly decodeMs: number;
  readonly resizeMs: number;
  readonly visionMs: number;
  readonly perTokenMs: number;
  /** Decode steps: one less than the answer's tokens. */
  readonly steps: number;
  readonly totalMs: number;
  /** In a process that has done nothing yet. */
  readonly coldLoadMs: number;
  readonly coldCaptionMs: number;
  /** Reading the two files alone. */
  readonly readFilesMs: number;
  readonly weightsBytes: number;
}

/** Captions with the embedded model; medians of `rounds`. */
export async function captionTimes(rounds = 7): Promise<CaptionTimes> {
  const photo = await Deno.readFile(PHOTO);
  const cold = [];
  for (let i = 0; i < 5; i++) cold.push(await coldStart());
  const readFilesMs = await medianOf(rounds, async () => {
    await Deno.readFile(NANO.text);
    await Deno.readFile(NANO.vision);
  });
  const picture = await pictureTimes(photo, rounds);

  const sources = [fileSource(NANO.text), fileSource(NANO.vision)] as const;
  const captioner = await load({ text: sources[0], vision: sources[1], contextTokens: 512 });
  const results: ChatResult[] = [];
  const caption = async () => {
    // one that was seen before would cost neither a look nor its prompt
    const result = await captioner.caption(withComment(photo, `${results.length}`)).result;
    if (result.timings.visionMs === 0) throw new Error("the picture was known before");
    results.push(result);
  };
  await caption();
  const totalMs = await medianOf(rounds, caption);
  const of = (pick: (r: ChatResult) => number) => median(results.slice(1).map(pick));
  const { weightsBytes } = captioner.memory;
  await captioner.close();
  for (const source of sources) await source.close();
  const [visionMs, perTokenMs] = [of((r) => r.timings.visionMs), of((r) => r.timings.perTokenMs)];
  const steps = of((r) => r.usage.completionTokens) - 1;
  return {
    ...picture,
    ...{ visionMs, perTokenMs, steps, totalMs, readFilesMs, weightsBytes },
    coldLoadMs: median(cold.map((c) => c.loadMs)),
    coldCaptionMs: median(cold.map((c) => c.firstCaptionMs)),
  };
}

/** The decoder alone: to the photo's own size nothing is resized; what a tile takes longer is the resizing. */
async function pictureTimes(photo: Uint8Array, rounds: number): Promise<{ decodeMs: number; resizeMs: number }> {
  const module = await WebAssembly.compile(await Deno.readFile(here("sdk/image/image.wasm")));
  const decoder = new ImageDecoder(module, { maxMemoryBytes: 64 << 20, maxPixels: 50e6 });
  const { width, height } = decoder.probe(photo);
  decoder.decode(photo, 224, 224);
  const decodeMs = await medianOf(rounds, () => void decoder.decode(photo, width, height));
  const bothMs = await medianOf(rounds, () => void decoder.decode(photo, 224, 224));
  return { decodeMs, resizeMs: Math.max(0, bothMs - decodeMs) };
}

async function coldStart(): Promise<{ loadMs: number; firstCaptionMs: number }> {
  const script = here("test/bench/cold_start.ts").pathname;
  const args = ["run", "--allow-read", "--allow-env", script, PHOTO.pathname];
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function medianOf(rounds: number, run: () => void | Promise<void>): Promise<number> {
  const times = [];
  for (let i = 0; i < rounds; i++) {
    const started = performance.now();
    await run();
    times.push(performance.now() - started);
  }
  return median(times);
}
