import assert from "node:assert/strict";
import { decoder, MIB, refusal } from "./decoder.ts";
import { bmp, readLarge } from "./pictures.ts";

/**
 * A gray baseline JPEG of any size in which every block is flat: each block's DC difference is 0 or a step, so that the
 * picture has `steps` vertical bands. Tables: the standard's Huffman tables for luminance DC, and one AC code (end of block).
 */
function flatJpeg(width: number, height: number, components: 1 | 3): Uint8Array {
  const segment = (marker: number, ...body: number[]) => {
    const length = body.length + 2;
    return [0xff, marker, length >> 8, length & 255, ...body];
  };
  const sampling = components === 3 ? [[1, 0x22], [2, 0x11], [3, 0x11]] : [[1, 0x11]];
  const head = [
    ...[0xff, 0xd8],
    ...segment(0xdb, 0, ...new Array(64).fill(8)),
    ...segment(
      0xc0,
      ...[8, height >> 8, height & 255, width >> 8, width & 255, components],
      ...sampling.flatMap(([id, factors]) => [id!, factors!, 0]),
    ),
    // DC: category 0 has the code 0; AC: end of block has the code 0
    ...segment(0xc4, 0x00, 1, ...new Array(15).fill(0), 0),
    ...segment(0xc4, 0x10, 1, ...new Array(15).fill(0), 0),
    ...segment(0xda, components, ...sampling.flatMap(([id]) => [id!, 0x00]), 0, 63, 0),
  ];
  const side = components === 3 ? 16 : 8;
  const blocks = Math.ceil(width / side) * Math.ceil(height / side) * (components === 3 ? 6 : 1);
  // two zero bits a block
  const bytes = new Uint8Array(head.length + Math.ceil(blocks / 4) + 2);
  bytes.set(head);
  bytes.set([0xff, 0xd9], bytes.length - 2);
  return bytes;
}

Deno.test("a JPEG of 48 megapixels is decoded at a reduced scale, within 16 MB in all", () => {
  for (const components of [1, 3] as const) {
    const d = decoder(16 * MIB);
    const rgb = d.decode(flatJpeg(8000, 6000, components), 224, 224);
    assert.ok(rgb.every((v) => Math.abs(v - 128) <= 1), "mid gray");
    assert.ok(d.peakMemoryBytes <= 16e6, `${components} components: ${d.peakMemoryBytes} bytes`);
  }
});

Deno.test("a picture that needs more memory than allowed is refused with the numbers, and the next one is decoded", () => {
  const d = decoder(4 * MIB);
  const { code, message } = refusal(() => d.decode(flatJpeg(3000, 3000, 3), 2900, 2900));
  assert.equal(code, "image_too_large");
  assert.match(message, /takes \d+ bytes, allowed are \d+/);
  assert.ok(d.peakMemoryBytes <= 4 * MIB);
  assert.equal(d.decode(flatJpeg(64, 64, 3), 8, 8).length, 192);
});

Deno.test("pixels over maxPixels are refused by the header", () => {
  const { code, message } = refusal(() => decoder(16 * MIB, 1e6).decode(flatJpeg(1001, 1000, 1), 8, 8));
  assert.equal(code, "image_too_large");
  assert.match(message, /1001 x 1000 = 1001000 pixels, allowed are 1000000/);
});

Deno.test("a decoder with less memory than its own module needs is refused", () => {
  assert.equal(refusal(() => decoder(1 * MIB)).code, "memory_budget");
});

Deno.test("decode() never runs out of memory: what it takes is counted before, for every way to hold a picture", async () => {
  const files = [...await readLarge(), ["bmp", bmp(1200, 900, new Uint8Array(1200 * 900 * 3))] as const];
  for (const [name, bytes] of files) {
    let decoded = 0;
    // some steps beyond the first that is enough: a larger scale may be chosen there
    for (let limit = 3 * MIB; limit <= 24 * MIB && decoded < 6; limit += MIB / 4) {
      const d = decoder(limit);
      try {
        d.decode(bytes, 224, 224);
        decoded++;
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        assert.equal(code, "image_too_large", `${name} with ${limit} bytes: ${message}`);
        assert.match(message, /takes \d+ bytes, allowed are \d+/, `${name} with ${limit} bytes`);
        assert.equal(decoded, 0, `${name}: refused with ${limit} bytes, decoded with less`);
      }
      assert.ok(d.peakMemoryBytes <= limit);
    }
    assert.ok(decoded > 0, `${name} is never decoded`);
  }
});
