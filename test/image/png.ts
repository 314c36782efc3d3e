/** PNG files, chunk by chunk. */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

const PNG_SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** A chunk; `claimed` is the length that it says it has. */
export function chunk(name: string, data: Uint8Array, claimed = data.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, claimed);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** The first chunk of a picture of RGB pixels, 8 bits each. */
export function header(width: number, height: number): Uint8Array<ArrayBuffer> {
  const data = new DataView(new ArrayBuffer(13));
  data.setUint32(0, width);
  data.setUint32(4, height);
  data.setUint16(8, 0x0802);
  return chunk("IHDR", new Uint8Array(data.buffer));
}

/** A file of these chunks. */
export function png(...chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat([PNG_SIGNATURE, ...chunks]));
}

/** A file that says it has a size, and has next to no pixels. */
export function hollowPng(width: number, height: number): Uint8Array<ArrayBuffer> {
  return png(header(width, height), chunk("IDAT", Uint8Array.of(0x78, 0x9c, 0x63)));
}
