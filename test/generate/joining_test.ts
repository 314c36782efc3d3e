import assert from "node:assert/strict";
import { Joining } from "../../sdk/generate/joining.ts";
import { slotsOf, type SlottedPiece } from "../../sdk/generate/prefix.ts";

const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);
const text = (...ids: number[]): SlottedPiece[] => slotsOf([{ kind: "text", ids }], 4, 4);
const told = (verdict: ReturnType<Joining["admit"]>) => typeof verdict === "string" ? verdict : verdict.ids.length;

Deno.test("Joining: prompts of little text share a step as long as its rows are few, with those that go on", () => {
  const joining = new Joining(3, 128);
  assert.equal(told(joining.admit(text(...from(0, 8)), 0)), 8);
  assert.equal(told(joining.admit(text(...from(100, 10)), 2)), 8);
  assert.equal(told(joining.admit(text(...from(200, 4)), 0)), "later");
  assert.equal(told(new Joining(12, 128).admit(text(...from(0, 8)), 0)), "alone");
});

Deno.test("Joining: where rows are many anyway, as many share the step as a pass has room for", () => {
  const joining = new Joining(2, 128);
  assert.equal(told(joining.admit(text(...from(0, 40)), 0)), 40);
  assert.equal(told(joining.admit(text(...from(100, 5)), 0)), 5);
  assert.equal(told(joining.admit(text(...from(200, 81)), 0)), 81);
  assert.equal(told(joining.admit(text(...from(300, 1)), 0)), "later");
  assert.equal(told(new Joining(2, 128).admit(text(...from(0, 127)), 0)), "alone");
});

Deno.test("Joining: a prompt waits where half of it or more will be there to be copied", () => {
  const joining = new Joining(0, 128);
  joining.admit(text(...from(0, 30)), 0);
  assert.equal(told(joining.admit(text(...from(0, 15), ...from(500, 15)), 0)), "later");
  assert.equal(told(joining.admit(text(...from(0, 15), ...from(500, 16)), 0)), 31);
  assert.equal(told(joining.admit(text(...from(0, 15), ...from(600, 15)), 14)), 16);
});

Deno.test("Joining: a prompt with a tile to be looked at goes alone, after those that have joined", () => {
  const picture = slotsOf([{ kind: "tile", rgb: () => new Uint8Array(0) }, { kind: "text", ids: [1] }], 4, 4);
  const joining = new Joining(0, 128);
  assert.equal(joining.admit(picture, 0), "alone");
  joining.admit(text(1), 0);
  assert.equal(joining.admit(picture, 0), "later");
  assert.equal(told(joining.admit(picture, 4)), 1);
});
