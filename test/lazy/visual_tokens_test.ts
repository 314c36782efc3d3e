import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { Random } from "../../sdk/generate/random.ts";
import {
  keepRows,
  mostImportant,
  randomTokens,
  visualSelection,
  type VisualTokensOption,
} from "../../sdk/lazy/visual_tokens.ts";

const select = (option: VisualTokensOption | undefined) => visualSelection(option, 64, (seed) => new Random(seed));

Deno.test("visualSelection() fills in what is left open; to keep all is to choose nothing", () => {
  assert.equal(select(undefined), undefined);
  assert.equal(select(64), undefined);
  assert.equal(select({ keep: 64, by: "random" }), undefined);
  const filledIn = (option: VisualTokensOption) => {
    const { random, ...rest } = select(option)!;
    return { ...rest, first: random().uniform() };
  };
  const first = (seed: number) => new Random(seed).uniform();
  assert.deepEqual(filledIn(16), { keep: 16, by: "attention", merge: true, first: first(0) });
  assert.deepEqual(filledIn({ keep: 63 }), { keep: 63, by: "attention", merge: true, first: first(0) });
  const random = { keep: 1, by: "random", merge: false } as const;
  assert.deepEqual(filledIn({ ...random, seed: 7 }), { ...random, first: first(7) });
});

Deno.test("visualSelection() gives every prompt the same random numbers", () => {
  const { random } = select({ keep: 8, by: "random", seed: 3 })!;
  const draw = () => {
    const source = random();
    return [source.uniform(), source.uniform()];
  };
  assert.deepEqual(draw(), draw());
});

Deno.test("visualSelection() refuses what is no option, by name and with what is possible", () => {
  const wrong: [unknown, RegExp][] = [
    [0, /is 0, .* from 1 to 64/],
    [65, /is 65, .* from 1 to 64/],
    [1.5, /is 1\.5/],
    [NaN, /is NaN/],
    [{ keep: -1 }, /is -1/],
    [{}, /is undefined/],
    [{ keep: "16" }, /is "16"/],
    ["16", /is "16", it must be a number of tokens or \{ keep, by, seed, merge \}/],
    [null, /is null/],
    [{ keep: 16, by: "size" }, /by "size", it must be "attention" or "random"/],
    [{ keep: 16, by: "random", seed: -1 }, /seed -1/],
    [{ keep: 16, by: "random", seed: 0.5 }, /seed 0\.5/],
    [{ keep: 16, merge: 1 }, /merge 1, it must be true or false/],
  ];
  for (const [option, message] of wrong) {
    assert.throws(() => select(option as VisualTokensOption), (error: unknown) => {
      assert.ok(error instanceof LorisError);
      assert.deepEqual([error.code, error.param], ["argument_invalid", "visualTokens"]);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("mostImportant() takes the largest, of equal ones the earlier, in order of place", () => {
  const importance = Float32Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5, 3);
  assert.deepEqual(mostImportant(importance, 1), [5]);
  assert.deepEqual(mostImportant(importance, 3), [4, 5, 7]);
  assert.deepEqual(mostImportant(importance, 6), [0, 2, 4, 5, 7, 8]);
  assert.deepEqual(mostImportant(importance, 9), [0, 1, 2, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(mostImportant(importance, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(mostImportant(new Float32Array(5), 2), [0, 1]);
  for (const value of [NaN, Infinity]) {
    assert.throws(() => mostImportant(Float32Array.of(0, value), 1), { code: "non_finite" });
  }
});

Deno.test("randomTokens() takes every choice equally often, in order of place, the same for the same numbers", () => {
  assert.deepEqual(randomTokens(64, 16, new Random(3)), randomTokens(64, 16, new Random(3)));
  assert.notDeepEqual(randomTokens(64, 16, new Random(3)), randomTokens(64, 16, new Random(4)));
  assert.deepEqual(randomTokens(4, 4, new Random(1)), [0, 1, 2, 3]);
  const random = new Random(1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const [a, b, c, ...rest] = randomTokens(5, 3, random);
    assert.ok(rest.length === 0 && 0 <= a! && a! < b! && b! < c! && c! < 5);
    counts.set(`${a}${b}${c}`, (counts.get(`${a}${b}${c}`) ?? 0) + 1);
  }
  // 10 choices of 1000 draws each, give or take; 150 are 5 standard deviations
  assert.equal(counts.size, 10);
  for (const [choice, count] of counts) assert.ok(Math.abs(count - 1000) < 150, `${choice}: ${count}`);
});

/** The kept rows as the definition reads, in f64. */
function reference(rows: Float32Array, width: number, kept: readonly number[], merge: boolean): number[][] {
  const all = Array.from({ length: rows.length / width }, (_, i) => [...rows.subarray(i * width, (i + 1) * width)]);
  const product = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const cosine = (a: number[], b: number[]) => product(a, b) / Math.sqrt(product(a, a) * product(b, b));
  const members = kept.map((index) => [all[index]!]);
  for (const [index, row] of all.entries()) {
    if (!merge || kept.includes(index)) continue;
    const similarities = kept.map((to) => cosine(row, all[to]!));
    members[similarities.indexOf(Math.max(...similarities))]!.push(row);
  }
  return members.map((of) => of[0]!.map((_, i) => of.reduce((sum, row) => sum + row[i]!, 0) / of.length));
}

Deno.test("keepRows() is the mean of each kept row and of those most similar to it, or the row itself", () => {
  const random = new Random(5);
  for (const [tokens, width, keep] of [[64, 48, 16], [64, 48, 63], [9, 8, 1], [16, 8, 16]] as const) {
    const rows = Float32Array.from({ length: tokens * width }, () => random.uniform() * 2 - 1);
    const kept = randomTokens(tokens, keep, random);
    for (const merge of [true, false]) {
      const got = rows.slice();
      keepRows(got, width, kept, merge);
      for (const [i, want] of reference(rows, width, kept, merge).entries()) {
        for (const [column, value] of want.entries()) {
          const difference = Math.abs(got[i * width + column]! - value);
          assert.ok(difference <= (merge ? 1e-6 : 0), `row ${i} of ${keep}, column ${column}: off by ${difference}`);
        }
      }
    }
  }
});

Deno.test("keepRows() looks at directions, not at lengths, and takes the first of equally similar rows", () => {
  // row 2 points as row 0 does, but row 1 is longer; row 3 is at right angles to both; row 4 is nothing
  const rows = () => Float32Array.of(1, 0, 0, 40, 40, 0, 5, 1, 0, 0, 0, 6, 0, 0, 0);
  const merged = rows();
  keepRows(merged, 3, [0, 1], true);
  assert.deepEqual([...merged.subarray(0, 6)], [...Float32Array.of(6 / 4, 1 / 4, 6 / 4, 40, 40, 0)]);
  // a kept row of zeros is as similar as one at right angles, and more than one that points away
  const away = Float32Array.of(0, 0, -1, 0, 2, 0);
  keepRows(away, 2, [0, 1], true);
  assert.deepEqual([...away.subarray(0, 4)], [1, 0, -1, 0]);
});
