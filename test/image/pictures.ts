/** The pictures of vectors/, and small ones made here. */

/** One file and what Pillow makes of it: RGB, u8 [height, width, 3], upright, on white. */
export interface Picture {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
  /** Largest difference allowed at any pixel, of 255; 0 where the format leaves nothing open. */
  readonly bound: number;
  readonly rgb: Uint8Array;
}

export interface Resize {
  readonly width: number;
  readonly height: number;
  readonly toWidth: number;
  readonly toHeight: number;
  readonly rgb: Uint8Array;
}

function base64Bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function inflated(text: string): Promise<Uint8Array> {
  const stream = new Blob([base64Bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function json<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(`vectors/${name}.json`, import.meta.url)));
}

/** A file that is refused: patterns of the error's code and message. */
export interface Refused {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly code: RegExp;
  readonly words: RegExp;
}

/** A file of vectors as the scripts beside it write it. */
interface Vectors {
  readonly cases: readonly (Omit<Picture, "bytes" | "rgb"> & { readonly bytes: string; readonly pixels: number })[];
  readonly pixels: readonly string[];
  readonly refused?: readonly Record<keyof Refused, string>[];
}

/** Pictures of vectors/, and files that are refused. @param name That of their script, or "pictures". */
export async function readCorpus(name: string): Promise<{ pictures: Picture[]; refused: Refused[] }> {
  const { cases, pixels, refused = [] } = await json<Vectors>(name);
  const results = await Promise.all(pixels.map(inflated));
  return {
    pictures: cases.map(({ pixels, bytes, ...rest }) => ({
      ...rest,
      bytes: base64Bytes(bytes),
      rgb: results[pixels]!,
    })),
    refused: refused.map(({ name, bytes, code, words }) => ({
      ...{ name, bytes: base64Bytes(bytes), code: new RegExp(`^(${code})$`), words: new RegExp(words) },
    })),
  };
}

export async function readPictures(): Promise<Picture[]> {
  return (await readCorpus("pictures")).pictures;
}

export async function readResizes(): Promise<Resize[]> {
  const resizes = await json<(Omit<Resize, "rgb"> & { pixels: string })[]>("resizes");
  return await Promise.all(resizes.map(async ({ pixels, ...rest }) => ({ ...rest, rgb: await inflated(pixels) })));
}

/** Files of few bytes and 1200 x 900 pixels, by name. */
export async function readLarge(): Promise<[name: string, bytes: Uint8Array][]> {
  return Object.entries(await json<Record<string, string>>("large")).map(([name, text]) => [name, base64Bytes(text)]);
}

/** Sharp edges between black, white and a fine pattern, as vectors/generate.py makes it: RGB, u8 [height, width, 3]. */
export function hardPicture(width: number, height: number): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    rgb[i] = (Math.floor(x / 2) + Math.floor(y / 3)) % 7 === 0
      ? 255
      : (Math.floor(x / 3) + Math.floor(y / 2)) % 5 === 0
      ? 0
      : (x * 37 + y * 91 + c * 53 + (x * y % 17) * 11) % 256;
  }
  return rgb;
}

/** A BMP file, 24 bits a pixel, top row first. */
export function bmp(width: number, height: number, rgb: Uint8Array): Uint8Array {
  const row = Math.ceil(width * 3 / 4) * 4;
  const bytes = new Uint8Array(54 + row * height);
  const header = new DataView(bytes.buffer);
  header.setUint16(0, 0x424d);
  header.setUint32(2, bytes.length, true);
  header.setUint32(10, 54, true);
  header.setUint32(14, 40, true);
  header.setInt32(18, width, true);
  header.setInt32(22, -height, true);
  header.setUint16(26, 1, true);
  header.setUint16(28, 24, true);
  for (let i = 0; i < width * height; i++) {
    const to = 54 + Math.floor(i / width) * row + i % width * 3;
    for (let c = 0; c < 3; c++) bytes[to + c] = rgb[i * 3 + 2 - c]!;
  }
  return bytes;
}

/** Largest and mean difference of two byte arrays of one length. */
export function difference(a: Uint8Array, b: Uint8Array): { largest: number; mean: number } {
  if (a.length !== b.length) throw new Error(`${a.length} bytes beside ${b.length}`);
  let [largest, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  return { largest, mean: sum / Math.max(1, a.length) };
}
