import assert from "node:assert/strict";
import { decoder, refusal } from "./decoder.ts";

interface Vectors {
  cases: { name: string; bytes: string; width: number; height: number; tolerance: number; rgb: string }[];
  resizes: { width: number; height: number; toWidth: number; toHeight: number; bytes: string; rgb: string }[];
}

const vectors: Vectors = JSON.parse(await Deno.readTextFile(new URL("vectors/vectors.json", import.meta.url)));
const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Largest difference of two byte arrays of one length. */
function difference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);
}

Deno.test("decode() gives what Pillow gives, for every format, depth and orientation", async (t) => {
  for (const { name, bytes, width, height, tolerance, rgb } of vectors.cases) {
    await t.step(name, () => {
      const d = decoder();
      const info = d.probe(bytesOf(bytes));
      assert.deepEqual([info.width, info.height], [width, height]);
      const off = difference(d.decode(bytesOf(bytes), width, height), bytesOf(rgb));
      assert.ok(off <= tolerance, `off by ${off}, allowed ${tolerance}`);
    });
  }
});

Deno.test("decode() resizes as Pillow's Lanczos does, within 1 at every pixel", async (t) => {
  for (const { width, height, toWidth, toHeight, bytes, rgb } of vectors.resizes) {
    await t.step(`${width} x ${height} to ${toWidth} x ${toHeight}`, () => {
      const off = difference(decoder().decode(bytesOf(bytes), toWidth, toHeight), bytesOf(rgb));
      assert.ok(off <= 1, `off by ${off}`);
    });
  }
});

Deno.test("decode() of a cut file is a typed error or a whole picture, and the decoder stays usable", () => {
  const d = decoder();
  for (const { name, bytes, width, height } of vectors.cases) {
    const whole = bytesOf(bytes);
    for (const share of [0.02, 0.25, 0.6, 0.9, 0.99]) {
      const cut = whole.subarray(0, Math.floor(whole.length * share));
      try {
        assert.equal(d.decode(cut, width, height).length, width * height * 3, name);
      } catch (error) {
        assert.match(
          (error as { code: string }).code,
          /^image_(invalid|unsupported|too_large)$/,
          `${name} at ${share}`,
        );
      }
    }
    assert.equal(d.decode(whole, 4, 4).length, 48, `${name} after its cut forms`);
  }
});

Deno.test("decode() of damaged bytes never fails otherwise than by a typed error", () => {
  const d = decoder();
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (const { name, bytes, width, height } of vectors.cases) {
    for (let round = 0; round < 12; round++) {
      const damaged = bytesOf(bytes);
      for (let k = 0; k < 1 + round % 4; k++) {
        damaged[12 + Math.floor(random() * (damaged.length - 12))] = random() * 256;
      }
      try {
        d.decode(damaged, width, height);
      } catch (error) {
        assert.match(String((error as { code?: string }).code), /^image_/, `${name}: ${error}`);
      }
    }
  }
});

const ascii = (text: string) => new TextEncoder().encode(text.padEnd(64, "\0"));

Deno.test("decode() refuses by name what it does not decode", () => {
  const refused: [string, Uint8Array][] = [
    ["AVIF", ascii("\0\0\0\x20ftypavif")],
    ["HEIC", ascii("\0\0\0\x20ftypheic")],
    ["JPEG XL", Uint8Array.from([0xff, 0x0a, ...new Array(40).fill(0)])],
    ["TIFF", ascii("II*\0")],
    ["SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg">')],
    ["PDF", ascii("%PDF-1.7")],
    ["ICO", ascii("\0\0\x01\0")],
  ];
  for (const [name, bytes] of refused) {
    const { code, message } = refusal(() => decoder().decode(bytes, 8, 8));
    assert.equal(code, "image_unsupported");
    assert.ok(message.startsWith(name), message);
  }
  assert.equal(refusal(() => decoder().decode(new Uint8Array(0), 8, 8)).code, "image_invalid");
  assert.equal(refusal(() => decoder().decode(ascii("hello"), 8, 8)).code, "image_invalid");
});

/** A PNG that says it has a size, with the pixels of one row. */
function hollowPng(width: number, height: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(25));
  header.setUint32(0, 13);
  [0x49, 0x48, 0x44, 0x52].forEach((b, i) => header.setUint8(4 + i, b));
  header.setUint32(8, width);
  header.setUint32(12, height);
  header.setUint8(16, 8);
  header.setUint8(17, 2);
  header.setUint32(21, crc32(new Uint8Array(header.buffer, 4, 17)));
  const data = [0, 0, 0, 0, 0x49, 0x44, 0x41, 0x54, 0x35, 0xaf, 0x06, 0x1e];
  return Uint8Array.from([137, 80, 78, 71, 13, 10, 26, 10, ...new Uint8Array(header.buffer), ...data]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

Deno.test("a picture of 30000 x 30000 in a few bytes is refused by its header, before any memory is taken", () => {
  const d = decoder();
  const { code, message } = refusal(() => d.decode(hollowPng(30000, 30000), 8, 8));
  assert.equal(code, "image_too_large");
  assert.match(message, /30000 x 30000 = 900000000 pixels, allowed are 50000000/);
  assert.ok(d.peakMemoryBytes < 2 * 2 ** 20, `${d.peakMemoryBytes} bytes`);
});

Deno.test("extreme shapes decode: 1 x 1, and 8192 x 9", () => {
  const wide = vectors.resizes.find((r) => r.width === 1)!;
  assert.equal(decoder().decode(bytesOf(wide.bytes), 224, 224).length, 224 * 224 * 3);
  const { code, message } = refusal(() => decoder().decode(hollowPng(8192, 9), 224, 224));
  assert.equal(code, "image_invalid", "its header is accepted, its missing rows are not");
  assert.match(message, /damaged or cut/);
});
