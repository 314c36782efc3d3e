/** Pictures in the module that the product runs: pixels or a typed error, and never more memory than was allowed. */
import assert from "node:assert/strict";
import { decoder, MIB } from "../../image/decoder.ts";
import { readPictures } from "../../image/pictures.ts";
import { orRefusalNow, type Target } from "../target.ts";
import { Taker } from "../taker.ts";

const MAX_BYTES = 6 * MIB;
const pictures = await readPictures();
const images = decoder(MAX_BYTES, 1 << 16);

export const target: Target = {
  seeds: pictures.map(({ bytes }) => bytes),
  maxBytes: 4096,
  run(input) {
    const tail = new Taker(input.slice(-2));
    const [width, height] = [1 + tail.below(64), 1 + tail.below(64)];
    const info = orRefusalNow(() => images.probe(input));
    const rgb = orRefusalNow(() => images.decode(input, width, height));
    if (rgb) assert.equal(rgb.length, width * height * 3);
    assert.ok(!rgb || info, "pixels of what has no header");
    assert.ok(images.peakMemoryBytes <= MAX_BYTES);
  },
};
