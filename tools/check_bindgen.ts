/**
 * Decodes photos by the image crate's package of wasm-bindgen and by the committed module: the pixels must be the same.
 *
 * Usage: tools/check_bindgen.sh, which builds that package.
 */
import assert from "node:assert/strict";
import { ImageDecoder } from "../sdk/image/decoder.ts";

/** What the package exports. */
interface Package {
  initSync(options: { module: BufferSource }): void;
  probeImage(reader: object): Uint32Array;
  decodeImage(reader: object, width: number, height: number, maxPixels: number, maxBytes: number): Uint8Array;
}

const root = new URL("../", import.meta.url);
const LIMITS = { maxPixels: 50e6, maxMemoryBytes: 64 << 20 };
const folder = Deno.args[0]!;
const made: Package = await import(`file://${folder}/loris_image.js`);
made.initSync({ module: await Deno.readFile(`${folder}/loris_image_bg.wasm`) });
const committed = new ImageDecoder(
  await WebAssembly.compile(await Deno.readFile(new URL("sdk/image/image.wasm", root))),
  LIMITS,
);

for (const name of ["astronaut.jpg", "coffee.jpg"]) {
  const bytes = await Deno.readFile(new URL(`examples/photos/${name}`, root));
  const reader = {
    length: bytes.length,
    read(offset: number, into: Uint8Array): number {
      const piece = bytes.subarray(offset, offset + into.length);
      into.set(piece);
      return piece.length;
    },
  };
  const { width, height } = committed.probe(bytes);
  assert.deepEqual([...made.probeImage(reader)].slice(1, 3), [width, height]);
  const pixels = made.decodeImage(reader, 224, 160, LIMITS.maxPixels, LIMITS.maxMemoryBytes);
  assert.deepEqual(pixels, committed.decode(bytes, 224, 160), name);
  // deno-lint-ignore no-console -- what was checked
  console.log(`the same pixels by wasm-bindgen's package: ${name}, ${width} x ${height}`);
}
