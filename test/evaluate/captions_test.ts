import assert from "node:assert/strict";
import { bleu4 } from "../../sdk/evaluate/bleu.ts";
import { ciderD, documentFrequency } from "../../sdk/evaluate/cider.ts";
import { captionWords } from "../../sdk/evaluate/words.ts";
import { hasShared, shared, sharedJson } from "../shared.ts";

interface Case {
  name: string;
  candidates: string[];
  references: string[][];
  ciderD: number;
  bleu4: number;
}
const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL("vectors/captions.json", import.meta.url)));

const close = (got: number, wanted: number) => assert.ok(Math.abs(got - wanted) < 1e-9, `${got}, wanted ${wanted}`);

for (const { name, candidates, references, ...wanted } of cases) {
  Deno.test(`ciderD() and bleu4() of ${name} equal the papers' formulas`, () => {
    close(ciderD(candidates, references), wanted.ciderD);
    close(bleu4(candidates, references), wanted.bleu4);
  });
}

Deno.test({
  name: "ciderD() and bleu4() of the reference captions give the scores that their model's card states",
  ignore: !hasShared("models/nano/expected.json") || !hasShared("data/captions.jsonl"),
  async fn() {
    type Expected = {
      captions: { file: string; caption: string }[];
      scores: { dense: { cider_d: number; bleu4: number } };
    };
    const expected = await sharedJson<Expected>("models/nano/expected.json");
    const lines = (await Deno.readTextFile(shared("data/captions.jsonl"))).trim().split("\n");
    const byFile = new Map(
      lines.map((line) => JSON.parse(line) as { file: string; captions: string[] }).map((
        row,
      ) => [row.file, row.captions]),
    );
    const candidates = expected.captions.map(({ caption }) => caption);
    const references = expected.captions.map(({ file }) => byFile.get(file)!);
    const { cider_d, bleu4: bleu } = expected.scores.dense;
    assert.equal(Number(ciderD(candidates, references).toFixed(2)), cider_d);
    assert.equal(Number(bleu4(candidates, references).toFixed(2)), bleu);
  },
});

Deno.test("ciderD() uses the document frequencies that are given", () => {
  const { candidates, references } = cases[0]!;
  const whole = documentFrequency(references);
  assert.equal(whole.pictures, 3);
  // "a" is in a reference of two pictures, "dog" of one, "the grass" of one, though there in both references.
  assert.deepEqual(["a", "dog", "the grass", "xyz"].map((gram) => whole.counts.get(gram)), [2, 1, 1, undefined]);
  const mean = candidates.map((candidate, i) => ciderD([candidate], [references[i]!], { documentFrequency: whole }))
    .reduce((sum, score) => sum + score) / candidates.length;
  close(mean, ciderD(candidates, references));
  // Of one picture alone, every frequency is that of all pictures, and no word weighs anything.
  assert.equal(ciderD([candidates[0]!], [references[0]!]), 0);
});

Deno.test("captionWords() lowers the case and takes punctuation for space", () => {
  assert.deepEqual(captionWords("  A T-shirt, (RED) isn't…\nÉté 12! "), [
    "a",
    "t",
    "shirt",
    "red",
    "isn",
    "t",
    "été",
    "12",
  ]);
  assert.deepEqual(captionWords(" .,! "), []);
});

Deno.test("ciderD() and bleu4() of empty captions are 0", () => {
  assert.equal(ciderD(["", "."], [["a dog"], ["a cat"]]), 0);
  assert.equal(bleu4(["", "."], [["a dog"], ["a cat"]]), 0);
});

Deno.test("ciderD() and bleu4() refuse no captions, differing numbers, and pictures without a reference", () => {
  for (const score of [ciderD, bleu4]) {
    assert.throws(() => score([], []), { code: "argument_invalid", param: "candidates" });
    assert.throws(() => score(["a"], [["a"], ["b"]]), { code: "argument_invalid", param: "candidates" });
    assert.throws(() => score(["a", "b"], [["a"], []]), { code: "argument_invalid", param: "references" });
  }
});
