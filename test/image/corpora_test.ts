/** Pictures from elsewhere: PngSuite, and kinds that are rarely written and often shown. */
import assert from "node:assert/strict";
import { decoder, refusal } from "./decoder.ts";
import { difference, readCorpus } from "./pictures.ts";

const CORPORA = [["PngSuite", "pngsuite", 161, 14], ["odd files", "odd", 37, 7]] as const;

for (const [title, file, sound, damaged] of CORPORA) {
  const { pictures, refused } = await readCorpus(file);

  Deno.test(`decode() of ${title} gives the pixels of each picture, and refuses by name what it does not decode`, async (t) => {
    assert.deepEqual([pictures.length, refused.length], [sound, damaged]);
    for (const { name, bytes, width, height, bound, rgb } of pictures) {
      await t.step(name, () => {
        const d = decoder();
        const info = d.probe(bytes);
        assert.deepEqual([info.width, info.height], [width, height]);
        const { largest } = difference(d.decode(bytes, width, height), rgb);
        assert.ok(largest <= bound, `off by ${largest}, allowed ${bound}`);
      });
    }
    for (const { name, bytes, code, words } of refused) {
      await t.step(name, () => {
        const error = refusal(() => decoder().decode(bytes, 32, 32));
        assert.match(error.code, code, error.message);
        assert.match(error.message, words);
      });
    }
  });
}
