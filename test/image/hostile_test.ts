import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { decoder, MIB, refusal } from "./decoder.ts";
import { concatenated } from "./bombs.ts";
import { chunk, hollowPng } from "./png.ts";
import { bmp, hardPicture, readPictures } from "./pictures.ts";

const pictures = await readPictures();
const named = (name: string) => pictures.find((p) => p.name === name)!;
const sound = named("png rgb 8 bit");

/** Pixels that a call gives, or nothing if it refuses with one of the errors that pictures have. */
function pixelsOrRefusal(call: () => Uint8Array, what: string): Uint8Array | undefined {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof LorisError, `${what}: ${error}`);
    assert.match(error.code, /^image_(invalid|unsupported|too_large)$/, what);
    return undefined;
  }
}

Deno.test("decode() of a file cut at any byte is a typed error, or nothing but pixels of the whole file", () => {
  for (const { name, bytes, width, height } of pictures) {
    const d = decoder();
    const whole = d.decode(bytes, width, height);
    let refused = 0;
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      const pixels = pixelsOrRefusal(() => d.decode(cut, width, height), `${name} at ${length}`);
      if (pixels === undefined) refused++;
      // a block that comes after the pixels can be cut away whole: then the picture is as it was stored
      else if (d.probe(cut).orientation === d.probe(bytes).orientation) {
        assert.deepEqual(pixels, whole, `${name} at ${length}`);
      }
    }
    assert.ok(refused >= bytes.length / 3, `${name}: only ${refused} of ${bytes.length} cuts were seen`);
    assert.deepEqual(d.decode(bytes, width, height), whole, `${name}: the decoder after its cut forms`);
  }
});

Deno.test("decode() of damaged bytes never fails otherwise than by a typed error, and the next picture is decoded", () => {
  let state = 1;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const d = decoder(8 * MIB);
  for (const { name, bytes, width, height } of pictures) {
    for (let round = 0; round < 40; round++) {
      const damaged = bytes.slice();
      for (let k = 0; k <= round % 4; k++) damaged[Math.floor(random() * damaged.length)] = random() * 256;
      pixelsOrRefusal(() => d.decode(damaged, width, height), `${name}, round ${round}`);
    }
    assert.deepEqual(d.decode(sound.bytes, sound.width, sound.height), sound.rgb, `after ${name}`);
  }
  assert.ok(d.peakMemoryBytes <= 8 * MIB);
});

Deno.test("decode() of zeros, of one value, and of a magic number alone is a typed error", () => {
  const magics = ["\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF\0\0\0\0WEBP", "GIF89a", "BM"];
  const d = decoder();
  for (const filler of [0, 0x55, 0xff]) {
    for (const magic of ["", ...magics]) {
      const bytes = new Uint8Array(4096).fill(filler);
      bytes.set([...magic].map((c) => c.charCodeAt(0)));
      refusal(() => d.decode(bytes, 8, 8));
    }
  }
  assert.equal(refusal(() => d.decode(new Uint8Array(0), 8, 8)).code, "image_invalid");
});

const ascii = (text: string) => new TextEncoder().encode(text.padEnd(64, "\0"));

Deno.test("decode() refuses by name what it does not decode", () => {
  const refused: [string, Uint8Array][] = [
    ["AVIF", ascii("\0\0\0\x20ftypavif")],
    ["AVIF", ascii("\0\0\0\x20ftypavis")],
    ["HEIC", ascii("\0\0\0\x20ftypheic")],
    ["HEIC", ascii("\0\0\0\x20ftypmif1")],
    ["an ISO media file", ascii("\0\0\0\x20ftypisom")],
    ["JPEG XL", Uint8Array.from([0xff, 0x0a, ...new Array(40).fill(0)])],
    ["JPEG XL", ascii("\0\0\0\x0cJXL \r\n").map((v, i) => i === 10 ? 0x87 : i === 11 ? 10 : v)],
    ["TIFF", ascii("II*\0")],
    ["TIFF", ascii("MM\0*")],
    ["SVG", ascii('<svg xmlns="http://www.w3.org/2000/svg">')],
    ["SVG", ascii('\ufeff\n <?xml version="1.0"?><svg>')],
    ["PDF", ascii("%PDF-1.7")],
    ["ICO", ascii("\0\0\x01\0")],
  ];
  for (const [name, bytes] of refused) {
    const { code, message } = refusal(() => decoder().decode(bytes, 8, 8));
    assert.equal(code, "image_unsupported");
    assert.ok(message.startsWith(name), message);
  }
  assert.match(refusal(() => decoder().decode(ascii("hello"), 8, 8)).message, /begins with 68 65 6c 6c 6f/);
});

Deno.test("decode() refuses JPEG processes that it does not decode", () => {
  const baseline = named("jpeg 4:4:4").bytes;
  const frame = baseline.findIndex((v, i) => v === 0xff && baseline[i + 1] === 0xc0);
  const changed = (...bytes: [at: number, value: number][]) => {
    const file = baseline.slice();
    for (const [at, value] of bytes) file[frame + at] = value;
    return file;
  };
  const refused: [string, Uint8Array, RegExp][] = [
    ["arithmetic coding", changed([1, 0xc9]), /Arithmetic/],
    ["hierarchical", changed([1, 0xc5]), /Hierarchical/],
    ["12 bits a sample", changed([1, 0xc1], [4, 12]), /12/],
  ];
  for (const [what, bytes, wanted] of refused) {
    const { code, message } = refusal(() => decoder().decode(bytes, 8, 8));
    assert.equal(code, "image_unsupported", what);
    assert.match(message, wanted);
  }
});

/** The sizes of a sound file replaced in its header. */
function claiming(
  name: string,
  at: number,
  width: number,
  height: number,
  littleEndian: boolean,
  wide: boolean,
): Uint8Array {
  const bytes = named(name).bytes.slice();
  const view = new DataView(bytes.buffer);
  const set = (offset: number, value: number) =>
    wide ? view.setUint32(offset, value, littleEndian) : view.setUint16(offset, value, littleEndian);
  set(at, width);
  set(at + (wide ? 4 : 2), height);
  return bytes;
}

Deno.test("30000 x 30000 in a few bytes is refused by the header, before any memory is taken, in every format", () => {
  const gif = claiming("gif", 6, 30000, 30000, true, false);
  const bmpFile = claiming("bmp 24 bit", 18, 30000, 30000, true, true);
  const jpeg = named("jpeg gray").bytes.slice();
  const frame = jpeg.findIndex((v, i) => v === 0xff && jpeg[i + 1] === 0xc0);
  jpeg.set([30000 >> 8, 30000 & 255, 30000 >> 8, 30000 & 255], frame + 5);
  for (const bytes of [hollowPng(30000, 30000), gif, bmpFile, jpeg]) {
    const d = decoder();
    assert.ok(bytes.length < 4096);
    const { code, message } = refusal(() => d.decode(bytes, 8, 8));
    assert.equal(code, "image_too_large");
    assert.match(message, /30000 x 30000 = 900000000 pixels, allowed are 50000000/);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${d.peakMemoryBytes} bytes`);
  }
});

Deno.test("a size within maxPixels that the memory does not hold is refused with the numbers, in every format", () => {
  const jpeg = named("jpeg 4:4:4 progressive").bytes.slice();
  const frame = jpeg.findIndex((v, i) => v === 0xff && jpeg[i + 1] === 0xc2);
  jpeg.set([6000 >> 8, 6000 & 255, 8000 >> 8, 8000 & 255], frame + 5);
  const gif = claiming("gif", 6, 8000, 6000, true, false);
  for (const bytes of [jpeg, gif, claiming("bmp 24 bit", 18, 8000, 6000, true, true)]) {
    const d = decoder();
    const { code, message } = refusal(() => d.decode(bytes, 224, 224));
    assert.equal(code, "image_too_large", message);
    assert.match(message, /8000 x 6000 pixels takes \d+ bytes, allowed are \d+/);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${d.peakMemoryBytes} bytes`);
  }
});

Deno.test("a PNG chunk that claims 2 GB takes no memory, and 8 MB of EXIF are too large for 4 MB", () => {
  const [start, rest] = [sound.bytes.subarray(0, 33), sound.bytes.subarray(33)];
  for (const name of ["eXIf", "tEXt", "iCCP", "IDAT", "abCd"]) {
    const d = decoder();
    const { code } = refusal(() =>
      d.decode(concatenated(start, chunk(name, new Uint8Array(9), 0x7fffffff), rest), 8, 8)
    );
    assert.equal(code, "image_invalid", name);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${name}: ${d.peakMemoryBytes} bytes`);
  }
  const d = decoder(4 * MIB);
  const heavy = new Uint8Array(33 + 12 + 8 * MIB + rest.length);
  heavy.set(start);
  heavy.set(chunk("eXIf", new Uint8Array(8 * MIB)), 33);
  heavy.set(rest, 33 + 12 + 8 * MIB);
  assert.equal(refusal(() => d.decode(heavy, 8, 8)).code, "image_too_large", "a lack of memory is not called damage");
  assert.deepEqual(d.decode(sound.bytes, sound.width, sound.height), sound.rgb);
});

Deno.test("decode() refuses a WebP frame that is larger than its picture before anything is made for it", () => {
  for (const name of ["webp lossy alpha", "webp animated, lossy"]) {
    const hostile = named(name).bytes.slice();
    const start = hostile.findIndex((_, i) => [0x9d, 0x01, 0x2a].every((byte, k) => hostile[i + k] === byte));
    new DataView(hostile.buffer).setUint32(start + 3, 0x3fff3fff, true);
    const d = decoder(48 * MIB);
    const { code, message } = refusal(() => d.decode(hostile, 19, 13));
    assert.equal(code, "image_invalid", message);
    assert.match(message, /frame of 268402689 pixels does not fit its picture of 19 x 13/);
    assert.ok(d.peakMemoryBytes < 2 * MIB, `${name}: ${d.peakMemoryBytes} bytes`);
  }
});

Deno.test("extreme shapes decode: 1 x 1 of every format, 8192 x 9 and 9 x 8192", () => {
  for (const { name, bytes, rgb } of pictures.filter((p) => p.width === 1 && p.height === 1)) {
    const out = decoder().decode(bytes, 224, 224);
    assert.ok(out.every((v, i) => Math.abs(v - rgb[i % 3]!) <= 1), name);
  }
  for (const [width, height] of [[8192, 9], [9, 8192]] as const) {
    const file = bmp(width, height, hardPicture(width, height));
    assert.equal(decoder().decode(file, 224, 224).length, 224 * 224 * 3);
    const { code, message } = refusal(() => decoder().decode(hollowPng(width, height), 224, 224));
    assert.equal(code, "image_invalid", "its header is accepted, its missing rows are not");
    assert.match(message, /damaged or cut/);
  }
});
