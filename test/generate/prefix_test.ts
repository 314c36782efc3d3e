import assert from "node:assert/strict";
import { HeldCache, slotsOf } from "../../sdk/generate/prefix.ts";
import { KvCache } from "../../sdk/lazy/cache.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";
import type { PromptPiece } from "../../sdk/model/vlm.ts";

const SHAPE = { layers: 1, kvHeads: 1, headWidth: 8 };
const text = (...ids: number[]): PromptPiece => ({ kind: "text", ids });
const tile = (key?: string): PromptPiece => ({ kind: "tile", rgb: () => new Uint8Array(0), ...(key ? { key } : {}) });

/** A cache that a prompt and an answer have filled; tiles have four tokens. */
function held(prompt: readonly PromptPiece[], ids: readonly number[] = []) {
  const cache = new KvCache(new MemoryPlan(0), SHAPE, { contextTokens: 64 });
  const slotted = slotsOf(prompt, 4);
  cache.append({ rows: slotted.reduce((sum, { slots }) => sum + slots.length, 0) + ids.length });
  const result = new HeldCache(cache);
  result.describe(slotted, ids);
  return result;
}
const shared = (of: HeldCache, ...prompt: PromptPiece[]) => of.sharedWith(slotsOf(prompt, 4));

Deno.test("HeldCache.sharedWith() counts equal slots from the first on, the answer's among them", () => {
  const cache = held([text(1, 2), tile("a"), text(3)], [7, 8]);
  assert.equal(shared(cache, text(9)), 0);
  assert.equal(shared(cache, text(1, 9)), 1);
  assert.equal(shared(cache, text(1, 2), tile("a"), text(3, 7, 5, 6)), 8);
  assert.equal(shared(cache, text(1, 2), tile("a"), text(3, 7, 8, 5)), 9);
});

Deno.test("HeldCache.sharedWith() leaves one slot to be computed, and takes of a tile all or none", () => {
  const cache = held([text(1, 2), tile("a"), text(3)]);
  assert.equal(shared(cache, text(1, 2), tile("a"), text(3)), 6);
  assert.equal(shared(cache, text(1, 2), tile("a")), 2, "not three of the tile's four");
  assert.equal(shared(cache, text(1, 2), tile("b"), text(3)), 2);
});

Deno.test("slotsOf(): a tile without a key is like no other, not even itself", () => {
  const cache = held([text(1), tile(), text(2)]);
  assert.equal(shared(cache, text(1), tile(), text(2, 3)), 1);
});

Deno.test("HeldCache.keep() forgets what comes after, in the cache as well", () => {
  const cache = held([text(1, 2, 3)], [4]);
  cache.keep(2);
  assert.equal(cache.cache.length, 2);
  assert.equal(shared(cache, text(1, 2, 3, 4)), 2);
});
