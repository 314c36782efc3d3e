import assert from "node:assert/strict";
import { decoder } from "./decoder.ts";
import { bmp, difference, hardPicture, readPictures, readResizes } from "./pictures.ts";

const pictures = await readPictures();
const resizes = await readResizes();

Deno.test("decode() gives what Pillow gives, for every format, depth and orientation", async (t) => {
  for (const { name, bytes, width, height, bound, rgb } of pictures) {
    await t.step(name, () => {
      const d = decoder();
      const info = d.probe(bytes);
      assert.deepEqual([info.format, info.width, info.height], [name.split(" ")[0], width, height]);
      const { largest } = difference(d.decode(bytes, width, height), rgb);
      assert.ok(largest <= bound, `off by ${largest}, allowed ${bound}`);
    });
  }
});

Deno.test("probe() reads EXIF's eight orientations in both byte orders, and takes a broken block for upright", () => {
  let seen = 0;
  for (const { name, bytes } of pictures) {
    const orientation = /orientation (\d) (II|MM)$/.exec(name)?.[1] ?? (name.includes("exif broken") ? "1" : undefined);
    if (orientation === undefined) continue;
    assert.equal(decoder().probe(bytes).orientation, Number(orientation), name);
    seen++;
  }
  assert.equal(seen, 3 * (8 * 2 + 5), "three formats, eight ways in two orders and five broken blocks");
});

Deno.test("decode() resizes as Pillow's Lanczos does, within 1 at every pixel", async (t) => {
  for (const { width, height, toWidth, toHeight, rgb } of resizes) {
    await t.step(`${width} x ${height} to ${toWidth} x ${toHeight}`, () => {
      const out = decoder().decode(bmp(width, height, hardPicture(width, height)), toWidth, toHeight);
      const { largest } = difference(out, rgb);
      assert.ok(largest <= 1, `off by ${largest}`);
    });
  }
});

Deno.test("decode() turns after resizing to the same pixels as before it, for a size that is not square", () => {
  const upright = pictures.find((p) => p.name === "png orientation 1 II")!;
  const straight = decoder().decode(upright.bytes, 11, 7);
  for (const orientation of [2, 3, 4, 5, 6, 7, 8]) {
    const turned = pictures.find((p) => p.name === `png orientation ${orientation} MM`)!;
    const [width, height] = orientation >= 5 ? [7, 11] : [11, 7];
    const out = decoder().decode(turned.bytes, width, height);
    // EXIF 2.3: the stored row 0 and column 0 are at these sides of the upright picture
    const stored = (x: number, y: number): [number, number] => {
      const [right, below] = [10 - x, 6 - y];
      const at: Record<number, [number, number]> = {
        2: [right, y],
        3: [right, below],
        4: [x, below],
        5: [y, x],
        6: [below, x],
        7: [below, right],
        8: [y, right],
      };
      return at[orientation]!;
    };
    for (let y = 0; y < 7; y++) {
      for (let x = 0; x < 11; x++) {
        const [ux, uy] = stored(x, y);
        const [from, to] = [(y * 11 + x) * 3, (uy * width + ux) * 3];
        assert.deepEqual([...out.subarray(to, to + 3)], [...straight.subarray(from, from + 3)], `${orientation}`);
      }
    }
  }
});
