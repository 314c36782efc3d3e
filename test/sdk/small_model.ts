/** A seeded model with the embedded one's tokenizer and template: its words are noise, and an answer takes milliseconds. */
import type { Captioner } from "../../sdk/captioner.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import { generateModel, SHAPES } from "../bench/generate_model.ts";
import type { SeededType } from "../bench/seeded_weights.ts";
import { sources } from "./model.ts";

const made = new Map<SeededType, Promise<readonly [text: Uint8Array, vision: Uint8Array]>>();

async function make(type: SeededType): Promise<readonly [text: Uint8Array, vision: Uint8Array]> {
  const folder = await Deno.makeTempDir();
  try {
    const { text, vision } = await generateModel(folder, SHAPES.small, type);
    return [await Deno.readFile(text), await Deno.readFile(vision)];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export async function openSmall(options: Partial<LoadOptions> = {}, type: SeededType = "Q8_0"): Promise<Captioner> {
  if (!made.has(type)) made.set(type, make(type));
  const [text, vision] = await made.get(type)!;
  return await load({ ...sources(text, vision), contextTokens: 1024, ...options });
}
