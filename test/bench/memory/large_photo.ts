/** A picture of many pixels, made here: a PNG of slopes with some grain, as a photo's size without a photo. */
import { deflateSync } from "node:zlib";
import { chunk, header, png } from "../../image/png.ts";

/** @returns A PNG of RGB pixels. The same size gives the same bytes. */
export function largePhoto(width: number, height: number): Uint8Array<ArrayBuffer> {
  const rowBytes = 1 + width * 3;
  const pixels = new Uint8Array(rowBytes * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const grain = Math.imul((x >> 3) * 7919 + (y >> 1) * 104729, 0x9e3779b1) >>> 31;
      const at = y * rowBytes + 1 + x * 3;
      pixels[at] = (x >> 4) + grain;
      pixels[at + 1] = (y >> 4) + grain;
      pixels[at + 2] = ((x + y) >> 5) + grain;
    }
  }
  return png(header(width, height), chunk("IDAT", deflateSync(pixels, { level: 6 })), chunk("IEND", new Uint8Array(0)));
}
