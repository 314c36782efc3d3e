/** A picture of many pixels, made here: a PNG of slopes with some grain, as a photo's size without a photo. */
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

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
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const file = [
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels, { level: 6 })),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat(file));
}

function chunk(name: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(name, "ascii"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}
