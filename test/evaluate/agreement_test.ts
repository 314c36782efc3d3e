import assert from "node:assert/strict";
import { forcedAgreement, klDivergence, tokenAgreement } from "../../sdk/evaluate/agreement.ts";

/** What `vectors/agreement.py` has scipy compute. */
interface Case {
  name: string;
  reference: number[];
  other: number[];
  nats: number;
}
const cases: Case[] = JSON.parse(await Deno.readTextFile(new URL("vectors/agreement.json", import.meta.url)));

for (const { name, reference, other, nats } of cases) {
  Deno.test(`klDivergence() of ${name} equals scipy's`, () => {
    const got = klDivergence(Float32Array.from(reference), Float32Array.from(other));
    // logits of thousands leave 1e-13 of rounding in their logarithms
    assert.ok(Math.abs(got - nats) <= 1e-12 * Math.max(1, nats), `${got}, wanted ${nats}`);
  });
}

Deno.test("klDivergence() of equal distributions is 0, whatever is added to the logits", () => {
  const logits = Float32Array.of(0.5, -2, 8, 1);
  assert.equal(klDivergence(logits, logits), 0);
  assert.equal(klDivergence(logits, logits.map((x) => x + 1024)), 0);
});

Deno.test("klDivergence() holds the first distribution true: the other way round is another number", () => {
  const [flat, peaked] = [[0, 0], [4, 0]];
  assert.ok(klDivergence(flat!, peaked!) > 2 * klDivergence(peaked!, flat!));
});

Deno.test("klDivergence() refuses differing lengths and logits that are no finite numbers", () => {
  assert.throws(() => klDivergence([], []), { code: "argument_invalid", message: /0 and 0 logits/ });
  assert.throws(() => klDivergence([1], [1, 2]), { code: "argument_invalid", message: /1 and 2 logits/ });
  for (const bad of [NaN, Infinity, -Infinity]) {
    assert.throws(() => klDivergence([1, bad], [1, 2]), { code: "non_finite", message: /logit 1 is/ });
    assert.throws(() => klDivergence([1, 2], [bad, 2]), { code: "non_finite", message: /logit 0 is/ });
  }
});

Deno.test("tokenAgreement() counts equal positions up to the longer length, and the common beginning", () => {
  const agreement = (a: number[], b: number[]) => {
    const one = tokenAgreement(a, b);
    assert.deepEqual(tokenAgreement(b, Uint32Array.from(a)), one, "either way round");
    return [one.exact, one.commonPrefixTokens, one.equalShare];
  };
  assert.deepEqual(agreement([5, 6, 7], [5, 6, 7]), [true, 3, 1]);
  assert.deepEqual(agreement([5, 6, 7, 8], [5, 9, 7, 8]), [false, 1, 0.75]);
  assert.deepEqual(agreement([5, 6], [5, 6, 7, 8]), [false, 2, 0.5], "a prefix is not the whole");
  assert.deepEqual(agreement([1, 2], [3, 4]), [false, 0, 0]);
  assert.deepEqual(agreement([1, 2], [3, 2]), [false, 0, 0.5]);
  assert.deepEqual(agreement([], [1]), [false, 0, 0]);
  assert.deepEqual(agreement([], []), [true, 0, 1]);
});

Deno.test("forcedAgreement() is the mean divergence over tokens, and the share of equal choices", () => {
  const reference = [Float32Array.of(0, 3), Float32Array.of(2, 2)];
  const other = [Float32Array.of(1, 0), Float32Array.of(5, 5)];
  const { kl, equalShare } = forcedAgreement(reference, other);
  assert.equal(kl, klDivergence(reference[0]!, other[0]!) / 2);
  assert.equal(equalShare, 0.5, "of equal logits the lowest id is chosen in both");
  assert.deepEqual(forcedAgreement(reference, reference), { kl: 0, equalShare: 1 });
});

Deno.test("forcedAgreement() refuses none or differing numbers of tokens", () => {
  const one = [Float32Array.of(1, 2)];
  for (const [a, b] of [[[], []], [one, []], [one, [...one, ...one]]]) {
    assert.throws(() => forcedAgreement(a!, b!), { code: "argument_invalid", param: "logits" });
  }
});
