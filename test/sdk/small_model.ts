/** A seeded model with the embedded one's tokenizer and template: its words are noise, and an answer takes milliseconds. */
import type { Captioner } from "../../sdk/captioner.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { generateModel, SHAPES } from "../bench/generate_model.ts";

const folder = await Deno.makeTempDir();
const pair = await generateModel(folder, SHAPES.small, "Q8_0");
const [text, vision] = [await Deno.readFile(pair.text), await Deno.readFile(pair.vision)];
await Deno.remove(folder, { recursive: true });

export async function openSmall(options: Partial<LoadOptions> = {}): Promise<Captioner> {
  const sources = { text: bytesSource(text, "text.gguf"), vision: bytesSource(vision, "vision.gguf") };
  return await load({ ...sources, contextTokens: 1024, ...options });
}
