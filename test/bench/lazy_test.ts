/** The parts of `deno task bench:lazy` that measure nothing: counts, budgets and tables. */
import assert from "node:assert/strict";
import { planOf } from "../../sdk/lazy/plan.ts";
import { conversationsIn, ratesOf } from "./lazy/budget.ts";
import { chunkWork, decodeBytes, decodeWork, predictedMs, prefillWork } from "./lazy/cost.ts";
import { sharePlan, spreadPlan } from "./lazy/plans.ts";
import { textRuns, visualPositions } from "./lazy/prompt.ts";

/** Small enough to count by hand: queries 4 wide, keys and values 2, e^x is 11 multiplications. */
const SHAPE = { layers: 3, width: 4, heads: 2, kvHeads: 1, headWidth: 2, hidden: 5, vocabulary: 7 };
const [dense, gla, vla] = [planOf(3, [], "gla"), planOf(3, [1, 2], "gla"), planOf(3, [1, 2], "vla")];
const always = () => true;
const never = () => false;

Deno.test("spreadPlan() spreads anchors evenly, and sharePlan() takes the nearest whole number of lazy layers", () => {
  assert.deepEqual(spreadPlan(12, 8, "gla").anchor, [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9]);
  assert.deepEqual(spreadPlan(5, 2, "vla"), { anchor: [0, 1, 1, 3, 3], mode: "vla" });
  assert.deepEqual(spreadPlan(4, 0, "gla").anchor, [0, 1, 2, 3]);
  for (
    const [layers, share, lazy] of [[12, 0.3, 4], [12, 0.5, 6], [12, 0.7, 8], [30, 0.3, 9], [30, 0.7, 21]] as const
  ) {
    const { anchor } = sharePlan(layers, share, "gla");
    assert.equal(anchor.filter((a, layer) => a !== layer).length, lazy);
  }
  assert.throws(() => spreadPlan(12, 12, "gla"), RangeError);
});

Deno.test("textRuns() and visualPositions() lay out one tile and 17 as the template does", () => {
  assert.deepEqual(textRuns(1), [6, 14]);
  assert.equal(visualPositions(1, 64).length, 84);
  const visual = visualPositions(17, 64);
  assert.equal(visual.filter(Boolean).length, 1088);
  // 16 later tiles of two marks, and a line end after each of four rows
  assert.equal(visual.length, 6 + 1088 + 32 + 4 + 14);
  assert.deepEqual(visual.slice(5, 7), [false, true]);
});

Deno.test("chunkWork() counts a dense chunk as by hand", () => {
  // each of 2 rows: queries 4 x 4, keys and values 2 x 4 each, output 4 x 4, feed-forward 3 x 4 x 5 = 108, in 2 layers;
  // in the last one keys and values of both rows, the rest of one
  const matrix = 2 * 2 * 108 + 2 * 16 + 92;
  // rows see 4 and 5 slots, 2 heads: scores 2, e^x 11, weighted values 2 for each pair; the last layer's row sees 5
  const attention = 2 * (9 * 2 * 15) + 5 * 2 * 15;
  const chunk = { visual: [true, false], past: 3, wanted: 1 } as const;
  assert.deepEqual(chunkWork(SHAPE, dense, chunk, always), { matrix, attention });
  const { matrix: unread } = chunkWork(SHAPE, dense, { ...chunk, wanted: 0 }, always);
  assert.equal(unread, 2 * 2 * 108 + 2 * 16);
});

Deno.test("chunkWork() leaves out what a lazy layer takes from its anchor", () => {
  const chunk = { visual: [true, false], past: 3, wanted: 1 } as const;
  const full = chunkWork(SHAPE, dense, chunk, always);
  // gla: no queries (16) and keys (8) of 2 rows in layer 1; in layer 2 no keys of 2 rows and no queries of one
  const kept = chunkWork(SHAPE, gla, chunk, always);
  assert.equal(full.matrix - kept.matrix, 2 * 24 + 2 * 8 + 16);
  // layer 1 has its anchor's probabilities; the last layer computes one row of two, for which none are kept
  assert.equal(full.attention - kept.attention, 9 * 2 * 13);
  const again = chunkWork(SHAPE, gla, chunk, never);
  assert.equal(again.attention, full.attention);
  assert.equal(again.matrix, kept.matrix);
  // vla: the visual row has no queries and keys of layer 1 and no keys of layer 2; the wanted row is text
  const visual = chunkWork(SHAPE, vla, chunk, always);
  assert.equal(full.matrix - visual.matrix, 24 + 8);
  assert.equal(visual.attention, full.attention);
  // a chunk that ends in an image token: the wanted row is visual too
  const last = { ...chunk, visual: [false, true] };
  assert.equal(full.matrix - chunkWork(SHAPE, vla, last, always).matrix, 24 + 8 + 16);
});

Deno.test("prefillWork() adds up its chunks and two rows of logits", () => {
  const visual = [false, true, true, false, false];
  const chunks = [
    { visual: [false, true], past: 0, wanted: 0 },
    { visual: [true, false], past: 2, wanted: 0 },
    { visual: [false], past: 4, wanted: 1 },
  ] as const;
  for (const plan of [dense, gla, vla]) {
    const parts = chunks.map((chunk) => chunkWork(SHAPE, plan, chunk, always));
    const whole = prefillWork(SHAPE, plan, visual, 2, always);
    assert.equal(whole.matrix, parts.reduce((sum, p) => sum + p.matrix, 2 * 7 * 4));
    assert.equal(whole.attention, parts.reduce((sum, p) => sum + p.attention, 0));
  }
});

Deno.test("prefillWork() asks for each chunk whether its probabilities are kept", () => {
  const asked: number[][] = [];
  const keeps = (rows: number, slots: number) => asked.push([rows, slots]) > 0 && slots <= 2;
  const visual = [false, true, true, false, false];
  const { attention } = prefillWork(SHAPE, planOf(3, [1], "gla"), visual, 2, keeps);
  assert.deepEqual(asked, [[2, 2], [2, 4], [1, 5]]);
  const all = prefillWork(SHAPE, dense, visual, 2, always).attention;
  assert.equal(all - attention, (1 + 2) * 2 * 13);
});

Deno.test("decodeWork() and decodeBytes() of one step", () => {
  const full = decodeWork(SHAPE, dense, 9, always);
  assert.deepEqual(full, { matrix: 3 * 108 + 56, attention: 3 * 10 * 2 * 15 });
  const lazy = decodeWork(SHAPE, gla, 9, always);
  assert.equal(full.matrix - lazy.matrix, 2 * 24);
  assert.equal(full.attention - lazy.attention, 2 * 10 * 2 * 13);
  assert.deepEqual(decodeWork(SHAPE, vla, 9, always), full);
  const read = { weightBytes: 1000, slots: 9, elementBytes: 2 };
  // a store of one layer: 9 slots x 2 wide x 2 bytes
  assert.equal(decodeBytes(SHAPE, dense, read), 1000 + 6 * 36);
  assert.equal(decodeBytes(SHAPE, gla, read), 1000 + 4 * 36);
  assert.equal(decodeBytes(SHAPE, vla, read), 1000 + 6 * 36);
});

Deno.test("predictedMs() divides each kind of work by its own speed", () => {
  assert.equal(predictedMs({ matrix: 3000, attention: 50 }, { matrix: 1e6, attention: 1e5 }), 3.5);
});

Deno.test("conversationsIn() fits whole caches beside what is fixed, and refuses a budget for none", () => {
  assert.equal(conversationsIn({ budgetBytes: 100, fixedBytes: 40, kvBytes: 20 }), 3);
  assert.equal(conversationsIn({ budgetBytes: 99, fixedBytes: 40, kvBytes: 20 }), 2);
  assert.throws(() => conversationsIn({ budgetBytes: 59, fixedBytes: 40, kvBytes: 20 }), /no conversation fits/);
});

Deno.test("ratesOf() prefills conversations one by one and decodes them together", () => {
  const times = { conversations: 4, encodeMs: 100, prefillMs: 50, stepMs: 10, answerTokens: 21 };
  const rates = ratesOf(times);
  // 4 x 150 + 20 x 10 = 800 ms; without pictures 400 ms; 4 tokens a step of 10 ms
  assert.deepEqual(rates, { pipeline: 5, language: 10, decodeTokens: 400 });
});
