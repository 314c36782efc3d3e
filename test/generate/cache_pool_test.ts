import assert from "node:assert/strict";
import type { Backend } from "../../sdk/backend/backend.ts";
import { CachePool } from "../../sdk/generate/cache_pool.ts";
import { slotsOf, type SlottedPiece } from "../../sdk/generate/prefix.ts";
import { KvCache } from "../../sdk/lazy/cache.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";

const SHAPE = { layers: 1, kvHeads: 1, headWidth: 8 };
const prompt = (...ids: number[]): SlottedPiece[] => slotsOf([{ kind: "text", ids }], 4, 4);

/** A pool of so many caches, whose copies are counted. */
function pool(caches: number) {
  const copies: number[] = [];
  const backend = { copy: (_to: number, _from: number, bytes: number) => copies.push(bytes) };
  const made = Array.from({ length: caches }, () => new KvCache(new MemoryPlan(0), SHAPE, { contextTokens: 64 }));
  const pool = new CachePool(backend as unknown as Backend, made);
  /** As the scheduler does: the cache is in use, and the prompt in it. */
  const begin = (ids: readonly number[]) => {
    const slotted = prompt(...ids);
    const place = pool.find(slotted)!;
    pool.take(place);
    place.held.cache.append({ rows: ids.length - place.skip });
    place.held.describe(slotted, []);
    return place;
  };
  return { pool, begin, made, copies };
}

Deno.test("CachePool: a conversation that goes on stays in its cache, and nothing is copied", () => {
  const { pool: caches, begin, copies } = pool(3);
  const first = begin([1, 2, 3, 4]);
  first.held.cache.append({ rows: 2 });
  first.held.describe(prompt(1, 2, 3, 4), [5, 6]);
  caches.giveBack(first.held);
  caches.giveBack(begin([7, 8]).held);
  const next = begin([1, 2, 3, 4, 5, 9]);
  assert.deepEqual([next.held === first.held, next.source === first.held, next.skip], [true, true, 5]);
  assert.deepEqual([next.held.cache.length, copies], [6, []]);
});

Deno.test("CachePool: a few slots of a long conversation are copied, so that it stays as it is", () => {
  const { pool: caches, begin, copies } = pool(2);
  const long = Array.from({ length: 30 }, (_, i) => i);
  const first = begin(long);
  caches.giveBack(first.held);
  const other = begin([0, 1, 2, 77]);
  assert.deepEqual([other.held === first.held, other.source === first.held, other.skip], [false, true, 3]);
  assert.ok(copies.length > 0);
  caches.giveBack(other.held);
  assert.equal(caches.find(prompt(...long, 99))!.skip, 30);
});

Deno.test("CachePool: what a cache in use holds is copied from it; of several the one that holds most", () => {
  const { pool: caches, begin } = pool(3);
  const busy = begin([1, 2, 3, 4]);
  const more = begin([1, 2, 3, 9, 9]);
  assert.deepEqual([more.source === busy.held, more.skip], [true, 3]);
  const third = begin([1, 2, 3, 9, 5]);
  assert.deepEqual([third.source === more.held, third.skip], [true, 4]);
  assert.equal(busy.held.cache.length, 4);
  assert.equal(caches.find(prompt(1)), undefined, "none is free");
});

Deno.test("CachePool: what shares nothing goes into the cache used longest ago, which forgets what it had", () => {
  const { pool: caches, begin } = pool(2);
  const [first, second] = [begin([1, 2]), begin([3, 4])];
  caches.giveBack(second.held);
  caches.giveBack(first.held);
  const third = begin([5, 6, 7]);
  assert.equal(third.held, second.held);
  assert.equal(third.held.cache.length, 3);
  assert.equal(caches.find(prompt(1, 2, 3))!.skip, 2);
});
