import { ImageDecoder } from "../../sdk/image/decoder.ts";

export const MIB = 2 ** 20;
const module = await WebAssembly.compile(await Deno.readFile(new URL("../../sdk/image/image.wasm", import.meta.url)));

export function decoder(maxMemoryBytes = 16 * MIB, maxPixels = 50e6): ImageDecoder {
  return new ImageDecoder(module, { maxMemoryBytes, maxPixels });
}

/** The code and message of what a call throws; fails the test if it does not throw a LorisError. */
export function refusal(call: () => unknown): { code: string; message: string } {
  try {
    call();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (typeof code === "string") return { code, message };
    throw error;
  }
  throw new Error("it was not refused");
}
