/** The tiny pair, opened and asked; what every fault is followed by. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import type { CaptionOptions, ChatResult } from "../../sdk/chat.ts";
import { load, type LoadOptions, packagedKernels } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { bmp, hardPicture } from "../image/pictures.ts";
import { tinyPair } from "../sdk/tiny_pair.ts";

export const PAIR = tinyPair();
/** Small, and two tiles wide where the model cuts tiles. */
export const PICTURE = bmp(40, 20, hardPicture(40, 20));
export const OTHER_PICTURE = bmp(40, 20, hardPicture(40, 20).map((value) => 255 - value));

const image = await Deno.readFile(new URL("../../sdk/image/image.wasm", import.meta.url));
/** Compiled once: what is done over and over here is all that comes after. */
export const MODULES = {
  kernels: await packagedKernels("simd128"),
  build: "simd128",
  image: await WebAssembly.compile(image),
} as const;

/** The tiny pair with a small context. Of two pictures in turns, each has to be looked at. */
export async function openTiny(options: Partial<LoadOptions> = {}): Promise<Captioner> {
  const pair = { text: bytesSource(PAIR.text, "text.gguf"), vision: bytesSource(PAIR.vision, "vision.gguf") };
  return await load({ ...pair, modules: MODULES, contextTokens: 64, keptTiles: 1, ...options });
}

const HOW = { prompt: "ab c", maxTokens: 6, logprobs: true, topLogprobs: 3 } as const;

/** An answer about a picture with the log probabilities of its tokens: two of them are equal to the bit, or not. */
export async function look(
  captioner: Captioner,
  options: CaptionOptions & { readonly picture?: Uint8Array } = {},
): Promise<Pick<ChatResult, "text" | "logprobs">> {
  const { picture = PICTURE, ...rest } = options;
  const { text, logprobs } = await captioner.caption(picture, { ...HOW, ...rest }).result;
  return { text, logprobs };
}

const captioner = await openTiny();
/** What a model that nothing happened to answers. */
export const WANTED = await look(captioner);
export const WANTED_OTHER = await look(captioner, { picture: OTHER_PICTURE });
await captioner.close();

/** The process is usable: the same files, opened anew, give the same answer. */
export async function opensAndAnswers(what: string): Promise<void> {
  const captioner = await openTiny();
  await answersAsEver(captioner, what);
  await captioner.close();
}

/** Nothing is left of a request that failed: two pictures are answered as ever, and nobody waits. */
export async function answersAsEver(captioner: Captioner, what: string): Promise<void> {
  // the second one takes the first one's slots in the KV cache
  assert.deepEqual(await look(captioner, { picture: OTHER_PICTURE }), WANTED_OTHER, what);
  assert.deepEqual(await look(captioner), WANTED, what);
  assert.deepEqual(captioner.requests, { active: 0, waiting: 0 }, what);
}
