/** Pictures that claim, unpack to, or ask for the work of, very much: refused, or decoded in little memory. */
import assert from "node:assert/strict";
import { DOGS, MOUNTAIN } from "../sdk/model.ts";
import { concatenated, jpegOfScans, zlibZeros } from "./bombs.ts";
import { chunk } from "./png.ts";
import { decoder, MIB, refusal } from "./decoder.ts";
import { readPictures } from "./pictures.ts";

const pictures = await readPictures();
const named = (name: string) => pictures.find((p) => p.name === name)!;
const ascii = (text: string) => new TextEncoder().encode(text);

Deno.test("a PNG of 1 MB that unpacks to 1 GB, in text, profile or pixels, is decoded within 2 MiB", async () => {
  const { bytes, rgb, width, height } = named("png rgb 8 bit");
  const [start, rest] = [bytes.subarray(0, 33), bytes.subarray(33)];
  const gigabyte = await zlibZeros(2 ** 30);
  assert.ok(gigabyte.length < 1.1 * MIB);
  const before = [["zTXt", "c\0\0"], ["iTXt", "c\0\x01\0\0\0"], ["iCCP", "c\0\0"]] as const;
  const black = new Uint8Array(rgb.length);
  const files: [string, Uint8Array, Uint8Array][] = [
    ...before.map(([name, head]): [string, Uint8Array, Uint8Array] => [
      name,
      concatenated(start, chunk(name, concatenated(ascii(head), gigabyte)), rest),
      rgb,
    ]),
    ["IDAT", concatenated(start, chunk("IDAT", gigabyte), chunk("IEND", new Uint8Array(0))), black],
  ];
  for (const [name, file, wanted] of files) {
    const d = decoder();
    assert.deepEqual(d.decode(file, width, height), wanted, name);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${name}: ${d.peakMemoryBytes} bytes`);
  }
});

/** A WebP whose header claims a size. */
function claiming(name: string, width: number, height: number): Uint8Array {
  const bytes = named(name).bytes.slice();
  const view = new DataView(bytes.buffer);
  const kind = new TextDecoder().decode(bytes.subarray(12, 16));
  if (kind === "VP8 ") {
    view.setUint16(26, width, true);
    view.setUint16(28, height, true);
  } else if (kind === "VP8L") view.setUint32(21, width - 1 | height - 1 << 14, true);
  else {
    assert.equal(kind, "VP8X");
    for (const [at, side] of [[24, width], [27, height]] as const) {
      view.setUint16(at, side - 1 & 0xffff, true);
      view.setUint8(at + 2, side - 1 >> 16);
    }
  }
  return bytes;
}

Deno.test("a WebP of few bytes that claims many pixels is refused by its header, in each of its kinds", () => {
  const cases: [name: string, width: number, height: number, message: RegExp][] = [
    ["webp lossy", 16383, 16383, /16383 x 16383 = 268402689 pixels, allowed are 50000000/],
    ["webp lossless", 16383, 16383, /16383 x 16383 = 268402689 pixels/],
    ["webp lossy alpha", 30000, 30000, /30000 x 30000 = 900000000 pixels/],
    ["webp animated", 30000, 30000, /30000 x 30000 = 900000000 pixels/],
    ["webp animated", 2 ** 24, 255, /16777216 x 255 = 4278190080 pixels/],
    ["webp lossless", 8000, 6000, /8000 x 6000 pixels takes \d+ bytes, allowed are \d+/],
    ["webp lossy", 8000, 6000, /8000 x 6000 pixels takes \d+ bytes/],
    ["webp animated", 8000, 6000, /8000 x 6000 pixels takes \d+ bytes/],
  ];
  for (const [name, width, height, wanted] of cases) {
    const d = decoder();
    const { code, message } = refusal(() => d.decode(claiming(name, width, height), 8, 8));
    assert.equal(code, "image_too_large", `${name}: ${message}`);
    assert.match(message, wanted);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${name}: ${d.peakMemoryBytes} bytes`);
  }
});

Deno.test("a JPEG of more scans than any encoder writes is refused before one is decoded; of as many it is decoded", () => {
  const gray = (file: Uint8Array) => decoder().decode(file, 16, 16).every((value) => value === 128);
  assert.ok(gray(jpegOfScans(64, true, 100)));
  assert.ok(gray(jpegOfScans(64, false, 4)));
  for (
    const [progressive, scans, wanted] of [[true, 101, /a progressive JPEG of more than 100/], [
      false,
      5,
      /a JPEG of more than 4/,
    ]] as const
  ) {
    const { code, message } = refusal(() => decoder().decode(jpegOfScans(64, progressive, scans), 16, 16));
    assert.equal(code, "image_unsupported", message);
    assert.match(message, wanted);
  }
  // 2000 x 2000 pixels in 1 MB: each scan costs milliseconds, all of them minutes
  const bomb = jpegOfScans(2000, true, 60_000);
  assert.ok(bomb.length < 1.5e6, `${bomb.length} bytes`);
  const d = decoder();
  assert.match(refusal(() => d.decode(bomb, 224, 224)).message, /more than 100 scans/);
  assert.ok(d.peakMemoryBytes < 2 * MIB, `${d.peakMemoryBytes} bytes`);
});

Deno.test("of an animation of 20,000 frames the first one is decoded, in the memory of one", () => {
  const { bytes, rgb, width, height } = named("gif animated");
  const still = decoder();
  still.decode(named("gif").bytes, width, height);
  // extension and image of a frame, again and again, before the trailer
  const table = 13 + 3 * 256;
  const frames = bytes.subarray(table, -1);
  const many = concatenated(bytes.subarray(0, -1), ...new Array(10_000).fill(frames), bytes.subarray(-1));
  const d = decoder();
  assert.deepEqual(d.decode(many, width, height), rgb);
  assert.equal(d.peakMemoryBytes, still.peakMemoryBytes);
});

Deno.test("a photo that was cut at 25, 60 or 99 % is refused as damaged, and the whole one is decoded after it", () => {
  for (const photo of [DOGS, MOUNTAIN]) {
    const d = decoder();
    const whole = d.decode(photo, 64, 64);
    for (const percent of [25, 60, 99]) {
      const { code, message } = refusal(() => d.decode(photo.subarray(0, photo.length * percent / 100), 64, 64));
      assert.equal(code, "image_invalid", `${percent} %: ${message}`);
      assert.match(message, /the JPEG file is damaged or cut/);
      assert.deepEqual(d.decode(photo, 64, 64), whole);
    }
  }
});
