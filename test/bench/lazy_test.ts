/** The parts of `deno task bench:lazy` that measure nothing: counts, budgets and tables. */
import assert from "node:assert/strict";
import { planOf } from "../../sdk/lazy/plan.ts";
import { planFromMetadata } from "../../sdk/lazy/plan_format.ts";
import { CLOCKS } from "./lazy/clock.ts";
import { conversationsIn, ratesOf } from "./lazy/budget.ts";
import { chunkWork, decodeBytes, decodeWork, predictedMs, prefillWork } from "./lazy/cost.ts";
import { Lab } from "./lazy/lab.ts";
import { paired } from "./lazy/no_lazy.ts";
import { sharePlan, spreadPlan } from "./lazy/plans.ts";
import { promptPieces, textRuns, visualPositions } from "./lazy/prompt.ts";
import { chart, type LazyReport, markdown, mended, verdicts } from "./lazy/report.ts";
import { measureShares } from "./lazy/shares.ts";
import { orderOf } from "./lazy/turns.ts";
import { NANO } from "./model.ts";
import { combinationsOf, keptTokens, measureThroughput, type ThroughputRow, withGains } from "./lazy/throughput.ts";

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

Deno.test("combinationsOf() has every combination of three switches once, the plain one first", () => {
  const plans = [{ name: "dense", lazy: dense }, { name: "gla", lazy: gla }];
  const all = combinationsOf(plans, 64).map(({ plan, kv, kept }) => `${plan.name} ${kv} ${kept}`);
  assert.equal(all[0], "dense f16 64");
  assert.equal(new Set(all).size, 2 * 2 * 3);
  assert.ok(all.includes("gla q8 16"));
});

Deno.test("keptTokens() and promptPieces() keep places: fewer rows of a tile take as many positions", () => {
  const tokens = Float32Array.from({ length: 8 * 2 }, (_, i) => i);
  const some = keptTokens(tokens, 8, 4);
  assert.deepEqual([...some.rows], [0, 1, 4, 5, 8, 9, 12, 13]);
  assert.deepEqual(some.positions, [0, 2, 4, 6]);
  assert.equal(some.span, 8);
  const pieces = promptPieces(2, 100, some);
  assert.deepEqual(pieces.map(({ kind }) => kind), ["text", "embeddings", "text", "embeddings", "text"]);
  const rows = pieces.map((piece) => piece.kind === "text" ? piece.ids.length : 4);
  assert.equal(rows.reduce((a, b) => a + b), visualPositions(2, 4).length);
});

Deno.test("orderOf() has everyone once, each round in an order of its own", () => {
  const orders = [0, 1, 2, 3].map((round) => orderOf(9, round));
  for (const order of orders) assert.deepEqual(order.toSorted((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(new Set(orders.map(String)).size, 4);
  assert.deepEqual(orderOf(9, 2), orders[2]);
});

Deno.test("paired() is the median of ratios pair by pair, with its interval by rank", () => {
  const off = Array.from({ length: 101 }, (_, i) => 10 + i);
  // ratios 0.50, 0.51 ... 1.50, in an order of their own
  const plan = off.map((ms, i) => ms * (0.5 + ((i * 37) % 101) / 100));
  const { ratio, quartiles, interval, pairs } = paired("x", off, plan);
  const close = (got: number, want: number) => assert.ok(Math.abs(got - want) < 1e-9, `${got} is not ${want}`);
  close(ratio, 1);
  [0.75, 1.25].forEach((want, i) => close(quartiles[i]!, want));
  // 0.98 sqrt(101) = 9.85 ranks to either side
  [0.9, 1.1].forEach((want, i) => close(interval[i]!, want));
  assert.equal(pairs, 101);
});

const row = (plan: string, kv: "f16" | "q8", imageTokens: number, language: number, answerTokens = 26) => ({
  ...{ plan, kv, imageTokens, answerTokens, kvBytes: 2 ** 20, fixedBytes: 50 * 2 ** 20, conversations: 4 },
  ...{ prefillMs: 80, stepMs: 12, rates: { pipeline: 3, language, decodeTokens: 100 } },
});
const ROWS: ThroughputRow[] = withGains([
  ...[row("dense", "f16", 64, 4), row("gla", "f16", 64, 5), row("dense", "q8", 64, 4.4), row("gla", "q8", 32, 8)],
  ...[row("dense", "f16", 64, 2, 128), row("gla", "f16", 64, 2.4, 128)],
]);

Deno.test("withGains() compares a row with the first one that has as long answers", () => {
  assert.deepEqual(ROWS.map(({ gains }) => gains.language), [1, 1.25, 1.1, 2, 1, 1.2]);
});

Deno.test("verdicts() names the best lazy row, whether it reaches the goal, and each switch alone", () => {
  const [pipeline, language] = verdicts(ROWS.slice(0, 4));
  assert.match(pipeline!, /^- pipeline: .* 1\.00x and does not reach 1\.5x/);
  // 3 pictures a second are 1/12 s of encoding and 1/4 s of language: four times as many at most
  assert.match(pipeline!, /the gain would be 4\.00x\.$/);
  assert.match(language!, /best lazy row, gla, q8, 32 image tokens, has 2\.00x and reaches 1\.5x/);
  const alone = "gla, f16, 64 image tokens 1.25x; dense, q8, 64 image tokens 1.10x.";
  assert.ok(language!.endsWith(`Switches alone: ${alone}`), language);
});

Deno.test("markdown() and chart() show every row; a table's lines have as many cells as its head", () => {
  const compared = { measured: 0.9, multiplications: 0.91, bytes: 0.92 };
  const share = {
    ...{ name: "gla 75 %", lazyLayers: 9, kvBytes: 483840, formulaBytes: 483840, weightBytes: 50 * 2 ** 20 },
    ...{ prefillMs: 70.25, decodeMs: 4.5, prefillRatio: compared, decodeRatio: compared },
  };
  const report: LazyReport = {
    ...{ date: "2000-01-01", machine: "m", clock: "cpu", versions: { deno: "2" } },
    shares: [{
      what: "nano",
      promptTokens: 84,
      imageTokens: 64,
      rounds: 5,
      rows: [{ ...share, kvBytes: 774144 }, share],
    }],
    throughput: [{
      ...{ what: "nano", budgetBytes: 2 ** 26, tiles: 1, encodeMs: 170, encodeSelectingMs: 175, rounds: 5, rows: ROWS },
    }],
    noLazy: [{
      ...{ what: "prefill", offMs: 80, planMs: 80.1, ratio: 1.001, pairs: 300 },
      ...{ quartiles: [0.99, 1.01] as const, interval: [0.999, 1.002] as const },
    }],
  };
  const page = markdown(report);
  assert.match(page, /^\| gla 75 % \| 9 \| 483840 \| 483840 \| 0\.625 \| 50\.0 \| 70\.3 \| 0\.900 \| 0\.910 /m);
  assert.match(page, /^\| gla \| q8 \| 32 \| 1\.0 \| 4 \| 80\.0 \| 12\.0 \| 3\.00 \| 1\.00x \| 8\.00 \| 2\.00x /m);
  assert.match(page, /^\| prefill \| 80\.000 \| 80\.100 \| 1\.0010 \| 0\.9990 to 1\.0020 /m);
  for (const table of page.split("\n\n").filter((text) => text.startsWith("|"))) {
    assert.equal(new Set(table.trim().split("\n").map((line) => line.split("|").length)).size, 1, table);
  }
  const svg = chart(report);
  // of the longest answers
  assert.equal(svg.match(/class="bar"/g)!.length, 2);
  assert.match(svg, /nano: gla, f16, 64/);
});

Deno.test("mended() puts fresh tables in the place of old ones, and keeps the rest", () => {
  const head = { machine: "m", clock: "cpu", versions: {} } as const;
  const share = (what: string, promptTokens: number, rounds: number) => ({
    ...{ what, promptTokens, imageTokens: 64, rounds, rows: [] },
  });
  const off = { what: "prefill", offMs: 1, planMs: 1, quartiles: [1, 1], interval: [1, 1], pairs: 9 } as const;
  const old: LazyReport = {
    ...{
      ...head,
      date: "2000-01-01",
      throughput: [],
      shares: [share("a", 84, 1), share("b", 84, 1), share("b", 1144, 1)],
    },
    noLazy: [{ ...off, ratio: 2 }],
  };
  const fresh = {
    ...head,
    date: "2000-01-02",
    throughput: [],
    shares: [share("b", 84, 5), share("c", 84, 5)],
    noLazy: [],
  };
  const report = mended(old, fresh);
  assert.deepEqual(report.shares.map((table) => `${table.what} ${table.promptTokens} ${table.rounds}`), [
    ...["a 84 1", "b 84 5", "b 1144 1", "c 84 5"],
  ]);
  assert.equal(report.date, "2000-01-02");
  assert.equal(report.noLazy[0]!.ratio, 2);
  assert.match(markdown(report), /Some tables are of an earlier run/);
  assert.doesNotMatch(markdown(old), /earlier run/);
});

Deno.test("measureShares() and measureThroughput() on the embedded model: every mode, cache and choice of tokens runs", async () => {
  const lab = await Lab.open(NANO, 128, 24 << 20, CLOCKS.wall);
  const own = planFromMetadata(lab.text.metadata, lab.config.layers)!;
  const plans = [
    { name: "dense", lazy: planOf(12, [], "gla") },
    { name: "gla", lazy: { ...own, mode: "gla" as const } },
    { name: "vla", lazy: { ...own, mode: "vla" as const } },
  ];
  const tokens = await lab.imageTokens();
  const prompt = promptPieces(1, lab.config.vocabulary, keptTokens(tokens, 64, 64));
  const { rows } = await measureShares(lab, { what: "nano", tiles: 1, prompt, plans, rounds: 1 });
  for (const { name, kvBytes, formulaBytes } of rows) assert.equal(kvBytes, formulaBytes, name);
  assert.ok(rows[1]!.weightBytes < rows[0]!.weightBytes);
  assert.equal(rows[2]!.weightBytes, rows[0]!.weightBytes);
  assert.ok(rows[1]!.prefillRatio.multiplications < 1 && rows[1]!.decodeRatio.bytes! < 1);

  const planned = lab.planned({ lazy: plans[0]!.lazy, kv: "f16" }, { all: 91, text: 27, perTile: 64 });
  const budgetBytes = Math.floor(planned.fixedBytes + 2.5 * planned.kvBytes);
  const table = await measureThroughput(lab, {
    ...{ what: "nano", tiles: 1, budgetBytes, answers: [8], combinations: combinationsOf(plans, 64) },
    ...{ tokens, encodeTileMs: 100, encodeTileSelectingMs: 110, rounds: 1 },
  });
  assert.equal(table.rows.length, 18);
  const by = (plan: string, kv: string, imageTokens: number) =>
    table.rows.find((r) => r.plan === plan && r.kv === kv && r.imageTokens === imageTokens)!;
  for (const { kvBytes, fixedBytes, conversations } of table.rows) {
    assert.ok(fixedBytes + conversations * kvBytes <= budgetBytes);
    assert.ok(fixedBytes + (conversations + 1) * kvBytes > budgetBytes);
  }
  assert.ok(by("gla", "f16", 64).conversations > by("dense", "f16", 64).conversations);
  assert.ok(by("gla", "q8", 16).conversations > by("gla", "f16", 64).conversations);
  assert.equal(by("gla", "f16", 64).kvBytes / by("dense", "f16", 64).kvBytes, 0.625);
});
