import { ImageDecoder } from "../../../sdk/image/decoder.ts";
import { readAsset } from "../../../sdk/platform/asset.ts";

/** Of a photo, as parts of its sides: left, top, width, height. The whole, its quarters, its middle and two near looks. */
const WINDOWS = [
  [0, 0, 1, 1],
  [0, 0, 0.6, 0.6],
  [0.4, 0, 0.6, 0.6],
  [0, 0.4, 0.6, 0.6],
  [0.4, 0.4, 0.6, 0.6],
  [0.2, 0.2, 0.6, 0.6],
  [0.1, 0.3, 0.4, 0.4],
  [0.5, 0.3, 0.4, 0.4],
] as const;
const LONGER_SIDE = 640;

/** Photos that may be published, and cuts of them, as BMP: pictures for where no others are at hand. */
export async function* cutsOf(photos: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const module = await WebAssembly.compile(
    await readAsset(new URL("../../../sdk/image/image.wasm", import.meta.url)),
  );
  const images = new ImageDecoder(module, { maxMemoryBytes: 64 << 20, maxPixels: 50e6 });
  for (const photo of photos) {
    const { width, height } = images.probe(photo);
    const scale = LONGER_SIDE / Math.max(width, height);
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    const rgb = images.decode(photo, w, h);
    for (const [x, y, across, down] of WINDOWS) {
      yield bmp(rgb, w, Math.floor(x * w), Math.floor(y * h), Math.floor(across * w), Math.floor(down * h));
    }
  }
}

/** A window of an RGB picture as a BMP of 24 bits: rows from the bottom up, blue first, each of whole words. */
function bmp(rgb: Uint8Array, stride: number, left: number, top: number, width: number, height: number): Uint8Array {
  const rowBytes = Math.ceil(width * 3 / 4) * 4;
  const file = new DataView(new ArrayBuffer(54 + rowBytes * height));
  file.setUint16(0, 0x424d);
  file.setUint32(2, file.byteLength, true);
  file.setUint32(10, 54, true);
  file.setUint32(14, 40, true);
  file.setInt32(18, width, true);
  file.setInt32(22, height, true);
  file.setUint16(26, 1, true);
  file.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = ((top + height - 1 - y) * stride + left + x) * 3;
      for (let c = 0; c < 3; c++) file.setUint8(54 + y * rowBytes + x * 3 + c, rgb[from + 2 - c]!);
    }
  }
  return new Uint8Array(file.buffer);
}
