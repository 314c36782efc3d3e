import assert from "node:assert/strict";
import { exactMatch, yesOrNo } from "../../sdk/evaluate/answers.ts";

Deno.test("exactMatch() ignores case, space around, and one full stop of the answer", () => {
  assert.equal(exactMatch([" Yes.", "RED", " circle. ", "no"], ["yes", "Red", "circle", "No"]), 100);
  assert.equal(exactMatch(["yes..", "red circle", "", "3"], ["yes", "red", "no", "3"]), 25);
});

Deno.test("exactMatch() refuses none or differing numbers", () => {
  assert.throws(() => exactMatch([], []), { code: "argument_invalid" });
  assert.throws(() => exactMatch(["a"], ["a", "b"]), { code: "argument_invalid" });
});

Deno.test("yesOrNo() takes the larger of the two logits, whatever the others are", () => {
  const ids = { yes: 1, no: 3 };
  assert.equal(yesOrNo(Float32Array.of(9, 2, 9, 1), ids), "Yes");
  assert.equal(yesOrNo(Float32Array.of(9, -2, 9, -1), ids), "No");
});

Deno.test("yesOrNo() refuses ids outside of the vocabulary", () => {
  assert.throws(() => yesOrNo(Float32Array.of(1, 2), { yes: 0, no: 2 }), { code: "argument_invalid", param: "ids" });
});
