import { join } from "node:path";
import { type Captioner, load } from "loris";
import { fileSource } from "loris/sources/file";
import { AltTextError, readPicture } from "./picture.ts";

/** Room for a SmolVLM pair of 256M as it comes; a smaller model takes less. */
const MEMORY_BYTES = 2 ** 30;

/**
 * Loads the pair of GGUF files in a folder; the name of the one for vision has "mmproj" in it, as the hub's have.
 *
 * @throws {AltTextError} `model_missing` if there is no such pair.
 * @throws {LorisError} if it cannot be loaded.
 */
export async function loadModel(folder: string): Promise<Captioner> {
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.endsWith(".gguf"))
    .sort();
  const vision = names.find((name) => name.includes("mmproj"));
  const text = names.find((name) => !name.includes("mmproj"));
  if (text === undefined || vision === undefined) {
    throw new AltTextError(
      "model_missing",
      `${folder} holds no pair of GGUF files: one of text, one with "mmproj" in its name`,
    );
  }
  const [textFile, visionFile] = [text, vision].map((name) => fileSource(join(folder, name)));
  return await load({ text: textFile!, vision: visionFile!, memoryBudget: MEMORY_BYTES });
}

/** Captions of pictures, each made once. */
export class Captions {
  readonly #captioner: Captioner;
  readonly #prompt: string;
  readonly #known = new Map<string, string>();

  constructor(captioner: Captioner, prompt: string) {
    this.#captioner = captioner;
    this.#prompt = prompt;
  }

  /**
   * A picture's caption, in one line.
   *
   * @throws {AltTextError} `picture_missing`, `caption_empty`
   * @throws {LorisError} if it is no picture that can be decoded.
   */
  async of(file: string): Promise<string> {
    const known = this.#known.get(file);
    if (known !== undefined) return known;
    const { text } = await this.#captioner.caption(await readPicture(file), { prompt: this.#prompt }).result;
    const caption = text.trim().replace(/\s+/g, " ");
    if (caption === "") throw new AltTextError("caption_empty", `the model says nothing of ${file}`);
    this.#known.set(file, caption);
    return caption;
  }
}
