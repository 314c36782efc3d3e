import assert from "node:assert/strict";
import { allSlots, sharedSlots, slotsOf, textAfter } from "../../sdk/generate/prefix.ts";
import type { PromptPiece } from "../../sdk/model/vlm.ts";

const text = (...ids: number[]): PromptPiece => ({ kind: "text", ids });
const tile = (key?: string): PromptPiece => ({ kind: "tile", rgb: () => new Uint8Array(0), ...(key ? { key } : {}) });
/** Tiles have four tokens, which take nine positions. */
const slotted = (...prompt: PromptPiece[]) => slotsOf(prompt, 4, 9);
const shared = (of: readonly PromptPiece[], ...prompt: PromptPiece[]) =>
  sharedSlots(allSlots(slotted(...of)), slotted(...prompt));

Deno.test("sharedSlots() counts equal slots from the first on", () => {
  const one = [text(1, 2), tile("a"), text(3, 7, 8)];
  assert.equal(shared(one, text(9)), 0);
  assert.equal(shared(one, text(1, 9)), 1);
  assert.equal(shared(one, text(1, 2), tile("a"), text(3, 7, 5, 6)), 8);
  assert.equal(shared(one, text(1, 2), tile("a"), text(3, 7, 8, 5)), 9);
});

Deno.test("sharedSlots() leaves one slot to be computed, and takes of a tile all or none", () => {
  const one = [text(1, 2), tile("a"), text(3)];
  assert.equal(shared(one, text(1, 2), tile("a"), text(3)), 6);
  assert.equal(shared(one, text(1, 2), tile("a")), 2, "not three of the tile's four");
  assert.equal(shared(one, text(1, 2), tile("b"), text(3)), 2);
});

Deno.test("slotsOf(): a tile without a key is like no other, not even itself", () => {
  assert.equal(shared([text(1), tile(), text(2)], text(1), tile(), text(2, 3)), 1);
});

Deno.test("textAfter() tells ids and position of what is left, where no tile is", () => {
  const prompt = slotted(text(1, 2), tile("a"), text(3, 4), text(5));
  assert.deepEqual(textAfter(prompt, 6), { ids: [3, 4, 5], position: 11 });
  assert.deepEqual(textAfter(prompt, 7), { ids: [4, 5], position: 12 });
  assert.deepEqual(textAfter(prompt, 8), { ids: [5], position: 13 });
  assert.equal(textAfter(prompt, 2), undefined);
  assert.equal(textAfter(prompt, 0), undefined);
  assert.deepEqual(textAfter(slotted(text(1, 2)), 0), { ids: [1, 2], position: 0 });
});
