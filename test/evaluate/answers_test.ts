import assert from "node:assert/strict";
import { exactMatch } from "../../sdk/evaluate/answers.ts";

Deno.test("exactMatch() ignores case, space around, and one full stop of the answer", () => {
  assert.equal(exactMatch([" Yes.", "RED", " circle. ", "no"], ["yes", "Red", "circle", "No"]), 100);
  assert.equal(exactMatch(["yes..", "red circle", "", "3"], ["yes", "red", "no", "3"]), 25);
});

Deno.test("exactMatch() refuses none or differing numbers", () => {
  assert.throws(() => exactMatch([], []), { code: "argument_invalid" });
  assert.throws(() => exactMatch(["a"], ["a", "b"]), { code: "argument_invalid" });
});
