import assert from "node:assert/strict";
import { type Backend, KvFormat } from "../../sdk/backend/backend.ts";
import { KvCache } from "../../sdk/lazy/cache.ts";
import { kvElements, type LazyPlan, planOf } from "../../sdk/lazy/plan.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";

const SHAPE = { layers: 4, kvHeads: 3, headWidth: 64 };
const PLANS: readonly LazyPlan[] = [
  planOf(4, [], "gla"),
  planOf(4, [], "vla"),
  planOf(4, [1, 2], "gla"),
  planOf(4, [1, 2, 3], "vla"),
];

/** A cache with no memory behind it, and what it asks of the memory. */
function open(lazy: LazyPlan, format: KvFormat, contextTokens = 64, textTokens?: number) {
  const plan = new MemoryPlan(0);
  return { cache: new KvCache(plan, SHAPE, { contextTokens, lazy, format, textTokens }), plan };
}

for (const lazy of PLANS) {
  for (const [name, format, bytesOfTen] of [["f16", KvFormat.f16, 20], ["q8", KvFormat.q8, 10.625]] as const) {
    Deno.test(`KvCache ${lazy.mode} ${lazy.anchor} ${name}: bytes in use and reserved are the formula's`, () => {
      const bytes = (tokens: number, visual: number) => kvElements(lazy, tokens, visual, 192) * bytesOfTen / 10;
      const { cache, plan } = open(lazy, format, 64, 32);
      assert.equal(plan.bytes("kv cache"), bytes(64, 64 - cache.textCapacity));
      assert.equal(cache.bytes, plan.bytes("kv cache"));
      assert.equal(cache.denseBytes, kvElements(PLANS[0]!, 64, 0, 192) * bytesOfTen / 10);
      assert.equal(cache.usedBytes, 0);
      cache.append({ rows: 5 });
      assert.equal(cache.usedBytes, bytes(5, 0));
      cache.append({ rows: 30, visual: Array.from({ length: 30 }, (_, i) => Number(i > 2 && i < 28)) });
      assert.equal(cache.usedBytes, bytes(35, 25));
      cache.truncate(20);
      assert.equal(cache.usedBytes, bytes(20, 12));
      assert.deepEqual([cache.length, cache.textLength, cache.nextPosition], [20, 8, 20]);
      cache.truncate(0);
      assert.deepEqual([cache.usedBytes, cache.textLength, cache.nextPosition], [0, 0, 0]);
    });
  }
}

Deno.test("KvCache: positions may have gaps, slots have none, and truncate() finds the position again", () => {
  const { cache } = open(PLANS[0]!, KvFormat.f16);
  cache.append({ rows: 3 });
  cache.append({ rows: 2, visual: [1, 1], positions: [5, 40] });
  assert.deepEqual([cache.length, cache.nextPosition], [5, 41]);
  cache.append({ rows: 1 });
  assert.deepEqual([cache.length, cache.nextPosition], [6, 42]);
  cache.truncate(4);
  assert.deepEqual([cache.length, cache.nextPosition], [4, 6]);
});

Deno.test("KvCache: where lazy layers keep keys of text alone there is room for so much text, elsewhere for all", () => {
  const { cache } = open(PLANS[3]!, KvFormat.f16, 64, 16);
  assert.deepEqual([cache.capacity, cache.textCapacity, cache.room], [64, 16, 16]);
  cache.append({ rows: 40, visual: new Uint8Array(40).fill(1) });
  assert.equal(cache.room, 16);
  cache.append({ rows: 16 });
  assert.equal(cache.room, 0);
  assert.throws(() => cache.append({ rows: 1 }), { code: "context_overflow", message: /1 rows \(1 of text\)/ });
  cache.append({ rows: 8, visual: new Uint8Array(8).fill(1) });
  assert.throws(() => cache.append({ rows: 1, visual: [1] }), { code: "context_overflow" });
  assert.equal(cache.length, 64, "what was refused was not counted");
  for (const lazy of [PLANS[0]!, PLANS[2]!]) {
    assert.equal(open(lazy, KvFormat.f16, 64, 16).cache.room, 64, "of no effect without such layers");
  }
});

Deno.test("KvCache: layers share the place of keys with their anchor, and have their own of values", () => {
  const { cache } = open(PLANS[2]!, KvFormat.f16);
  const [a, b, c, d] = cache.layers;
  assert.deepEqual([b!.keys, c!.keys], [a!.keys, a!.keys]);
  assert.notEqual(d!.keys, a!.keys);
  assert.equal(new Set(cache.layers.map(({ values }) => values)).size, 4);
  assert.equal(cache.textSlots, 0);
  const vla = open(PLANS[3]!, KvFormat.f16).cache;
  assert.equal(new Set(vla.layers.map(({ keys }) => keys)).size, 1);
  assert.equal(new Set(vla.layers.map(({ textKeys }) => textKeys?.keys)).size, 4);
  assert.notEqual(vla.textSlots, 0);
});

Deno.test("KvCache.copyFrom() takes over slots, kinds and positions; each store's whole groups of them are copied", () => {
  for (const lazy of PLANS) {
    const open = (plan: MemoryPlan) => new KvCache(plan, SHAPE, { contextTokens: 64, lazy, textTokens: 32 });
    const plan = new MemoryPlan(0);
    const [from, to] = [open(plan), open(plan)];
    from.append({ rows: 5 });
    from.append({
      rows: 20,
      visual: new Uint8Array(20).fill(1),
      positions: Array.from({ length: 20 }, (_, i) => 9 + i),
    });
    from.append({ rows: 4 });
    to.append({ rows: 30 });
    const copies: number[] = [];
    const backend = {
      copy: (_to: number, _from: number, bytes: number) => void copies.push(bytes),
    } as unknown as Backend;
    to.copyFrom(backend, from, 26);
    assert.deepEqual([to.length, to.textLength, to.nextPosition], [26, 6, 30]);
    from.truncate(26);
    assert.equal(to.usedBytes, from.usedBytes);
    // 26 slots are four groups of eight; a store of text keys has one group, and a list of its 6 slots
    const vector = 64 * 2;
    const keptOf = (layer: number) => lazy.anchor[layer] === layer ? 32 : lazy.mode === "vla" ? 8 : 0;
    const stores = Array.from({ length: SHAPE.layers }, (_, layer) => 32 + keptOf(layer)).reduce((a, b) => a + b);
    const list = to.textSlots === 0 ? 0 : 6 * 4;
    assert.equal(copies.reduce((a, b) => a + b), stores * SHAPE.kvHeads * vector + list);
    assert.throws(() => to.copyFrom(backend, from, 27), RangeError);
    const other = new KvCache(plan, SHAPE, { contextTokens: 72, lazy, textTokens: 32 });
    assert.throws(() => other.copyFrom(backend, from, 8), RangeError);
  }
});
