import assert from "node:assert/strict";
import { WasmBackend } from "../../sdk/backend/wasm/backend.ts";
import { KvCache } from "../../sdk/lazy/cache.ts";
import { MemoryPlan } from "../../sdk/memory/plan.ts";
import { allRows, type Span, textRowsOf, wantedRows } from "../../sdk/model/spans.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import { BUILDS } from "../ops/harness.ts";
import { spied } from "../sdk/spy.ts";
import { hasShared, shared } from "../shared.ts";
import { openPair } from "./pair.ts";

const nano = (name: string) => new URL(`../../models/nano/${name}`, import.meta.url);

/** Pairs whose matrices read records (the embedded model), and f32 rows. */
const PAIRS = [
  { name: "nano", text: () => nano("nano-text-q4_0.gguf"), vision: () => nano("nano-mmproj-q8_0.gguf"), ignore: false },
  {
    name: "golden f32",
    text: () => shared("golden/tiny-text-f32.gguf"),
    vision: () => shared("golden/tiny-mmproj-f32.gguf"),
    ignore: !hasShared("golden"),
  },
];

const ids = (count: number, from: number) => Array.from({ length: count }, (_, i) => (from + i * 37) % 1000);

/** A network with a few caches, and rows in flight. */
async function open(build: (typeof BUILDS)[number], { text, vision }: (typeof PAIRS)[number], conversations: number) {
  const { vlm } = await openPair(build, text(), vision(), { contextTokens: 256 });
  const backend = vlm.backend as WasmBackend;
  const { language } = vlm;
  const { width, vocabulary } = language.config;
  const plan = new MemoryPlan(backend.memory.buffer.byteLength);
  const caches = Array.from({ length: conversations }, () => new KvCache(plan, language.config, { contextTokens: 64 }));
  const rows = plan.reserve("rows", language.maxRows * width * 4);
  backend.reserve(plan.end);
  /** Embeds and runs the spans' tokens; each row's hidden state, bit by bit. */
  const forward = async (spans: readonly Span[], tokens: readonly number[]) => {
    language.embed(rows, tokens);
    await language.forward(rows, spans, new Pacer());
    return tokens.map((_, row) => backend.bytes(rows + row * width * 4, width * 4).slice());
  };
  const logits = (row: number) => backend.read(language.logits(rows + row * width * 4), vocabulary);
  return { vlm, caches, forward, logits };
}

for (const pair of PAIRS) {
  for (const build of BUILDS) {
    Deno.test({
      name:
        `${pair.name} on ${build}: Language.forward() gives wanted rows the same bits, whatever rows are not wanted`,
      ignore: pair.ignore,
      async fn() {
        const { caches: [a, b, c], forward, logits } = await open(build, pair, 3);
        const tokens = [...ids(6, 3), ...ids(1, 500), ...ids(5, 77)];
        const spans = (wanted: readonly Span["wanted"][]): Span[] => [
          { cache: a!, rows: 6, wanted: wanted[0]! },
          { cache: b!, rows: 1, wanted: wanted[1]! },
          { cache: c!, rows: 5, wanted: wanted[2]! },
        ];
        const run = async (first: readonly Span["wanted"][], second: readonly Span["wanted"][]) => {
          for (const cache of [a!, b!, c!]) cache.truncate(0);
          const before = await forward(spans(first), tokens);
          assert.deepEqual([a!.length, b!.length, c!.length], [6, 1, 5]);
          // what comes after reads the keys and values of the first call
          const after = await forward(spans(second), ids(12, 222));
          return { before, after, logits: await Array.fromAsync([5, 6, 11], logits) };
        };
        const want = await run(["all", "all", "all"], ["all", "all", "all"]);
        const last = await run(["none", "none", "none"], ["last", "last", "last"]);
        for (const row of [5, 6, 11]) assert.deepEqual(last.after[row], want.after[row], `row ${row}`);
        assert.deepEqual(last.logits, want.logits);
        const mixed = await run(["last", "none", "all"], ["none", "last", "all"]);
        for (const row of [5, 7, 8, 9, 10, 11]) assert.deepEqual(mixed.before[row], want.before[row], `row ${row}`);
        for (const row of [6, 7, 8, 9, 10, 11]) assert.deepEqual(mixed.after[row], want.after[row], `row ${row}`);
        assert.notDeepEqual(mixed.after[5], want.after[5], "a row that nobody wanted was computed");
      },
    });
  }
}

Deno.test("Vlm.prefill() computes the last layer for the prompt's last row alone, and gives the same logits", async () => {
  const { vlm, caches: [cache], forward, logits } = await open("relaxed", PAIRS[0]!, 1);
  const { language } = vlm;
  const tokens = ids(50, 9);
  await forward([{ cache: cache!, rows: 50, wanted: "all" }], tokens);
  const want = await logits(49);

  cache!.truncate(0);
  const rows: number[] = [];
  const { logits: address } = await spied(
    (operation, args) => operation === "linear" && rows.push(args[5]!),
    () => vlm.prefill(cache!, [{ kind: "text", ids: tokens }]),
  );
  assert.deepEqual(await vlm.backend.read(address, language.config.vocabulary), want);
  // q, k, v, output, gate, up, down of each layer; k and v alone are of all rows in the last one; then the logits
  const layers = language.config.layers;
  assert.equal(rows.filter((n) => n === 50).length, 7 * layers - 5);
  assert.equal(rows.length, 7 * layers + 1);
});

Deno.test("Vlm.prefill() in chunks asks for no hidden state of a chunk that is not the last", async () => {
  const { vlm } = await openPair("relaxed", PAIRS[0]!.text(), PAIRS[0]!.vision(), { contextTokens: 256 });
  const { language, backend } = vlm;
  const plan = new MemoryPlan((backend as WasmBackend).memory.buffer.byteLength);
  const cache = new KvCache(plan, language.config, { contextTokens: 256 });
  backend.reserve(plan.end, plan.regions);
  const rows: number[] = [];
  await spied(
    (operation, args) => operation === "linear" && rows.push(args[5]!),
    () => vlm.prefill(cache, [{ kind: "text", ids: ids(200, 1) }]),
  );
  const [chunk, rest] = [language.maxRows, 200 - language.maxRows];
  const layers = language.config.layers;
  const count = (n: number) => rows.filter((m) => m === n).length;
  assert.deepEqual([count(chunk), count(rest), count(1)], [7 * layers - 5, 7 * layers - 5, 5]);
  assert.equal(cache.length, 200);
});

/** A cache of one layer in which so many slots are filled; no memory stands behind it. */
function filled(rows: number, visual?: readonly number[]): KvCache {
  const shape = { layers: 1, kvHeads: 1, headWidth: 8 };
  const cache = new KvCache(new MemoryPlan(0), shape, { contextTokens: 64 });
  cache.append({ rows, visual });
  return cache;
}

Deno.test("wantedRows() joins rows that follow each other, and keeps their conversations, slots and text rows", () => {
  const [a, b, c, d] = [filled(10, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]), filled(0), filled(7), filled(3)];
  const spans: Span[] = [
    { cache: a, rows: 4, wanted: "last", visual: [0, 1, 1, 0] },
    { cache: b, rows: 2, wanted: "all", visual: [1, 0] },
    { cache: c, rows: 3, wanted: "none" },
    { cache: d, rows: 1, wanted: "last" },
  ];
  assert.deepEqual(wantedRows(spans), [
    {
      row: 3,
      rows: 3,
      text: { first: 1, rows: 2 },
      parts: [
        { cache: a, row: 3, rows: 1, slot: 13, text: { first: 1, rows: 1 }, textSlot: 7 },
        { cache: b, row: 4, rows: 2, slot: 0, text: { first: 2, rows: 1 }, textSlot: 0 },
      ],
    },
    {
      row: 9,
      rows: 1,
      text: { first: 6, rows: 1 },
      parts: [{ cache: d, row: 9, rows: 1, slot: 3, text: { first: 6, rows: 1 }, textSlot: 3 }],
    },
  ]);
  const all = allRows(spans);
  assert.deepEqual([all.row, all.rows, all.parts.map((p) => p.row)], [0, 10, [0, 4, 6, 9]]);
  assert.deepEqual([all.text, all.parts.map((p) => p.text)], [
    { first: 0, rows: 7 },
    [{ first: 0, rows: 2 }, { first: 2, rows: 1 }, { first: 3, rows: 3 }, { first: 6, rows: 1 }],
  ]);
  assert.deepEqual(textRowsOf(spans), [0, 3, 5, 6, 7, 8, 9]);
});

Deno.test("allRows() refuses rows for which a cache has no room, in slots or in slots of text", () => {
  const refused = (rows: number, span: Partial<Span>, cache = filled(60)) =>
    assert.throws(() => allRows([{ cache, rows, wanted: "all", ...span }]), { code: "context_overflow" });
  refused(5, {});
  refused(5, { visual: [1, 1, 1, 1, 1] });
  const shape = { layers: 2, kvHeads: 1, headWidth: 8 };
  const lazy = { anchor: [0, 0], mode: "vla" } as const;
  const few = new KvCache(new MemoryPlan(0), shape, { contextTokens: 64, textTokens: 8, lazy });
  refused(9, {}, few);
  allRows([{ cache: few, rows: 9, wanted: "all", visual: [1, 0, 0, 0, 0, 0, 0, 0, 0] }]);
});
