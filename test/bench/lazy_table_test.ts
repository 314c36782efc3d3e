/** The table of quality: its rows, scores and shape, and that its way to an answer is the product's. */
import assert from "node:assert/strict";
import { planOf } from "../../sdk/lazy/plan.ts";
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { Journal } from "../../src/cli/journal.ts";
import { NANO } from "./model.ts";
import { askAll, isAnswered } from "./lazy/table_ask.ts";
import { type Answered, MAX_TOKENS, TableModel } from "./lazy/table_model.ts";
import { equalMemory, foundPlans, type TableRow, tableRows } from "./lazy/table_rows.ts";
import { costsOf, type Item, markdown, type Part, type QualityReport, scoresOf } from "./lazy/table.ts";

const PHOTOS = new URL("../../examples/photos/", import.meta.url).pathname;
const PHOTO = "dogs_at_window.jpg";
const own = planOf(12, [2, 3, 4, 5, 7, 8, 9, 10, 11], "gla");
const firstLayers = (lazy: number) => planOf(12, Array.from({ length: lazy }, (_, i) => i + 1), "gla");
const files = [
  ...(["gla", "vla"] as const).flatMap((mode) =>
    [4, 6, 8].map((lazy) => [`${mode}-${lazy}-greedy.json`, JSON.stringify({ ...firstLayers(lazy), mode })] as const)
  ),
  ["gla-9-random-1.json", JSON.stringify(own)] as const,
  ["gla-9-random-2.json", JSON.stringify(firstLayers(9))] as const,
];

Deno.test("foundPlans() takes plans of greed and of chance, and refuses what is no plan of the model", () => {
  const found = foundPlans([...files, ["gla-4-threshold.json", "no JSON"]], 12);
  assert.deepEqual(found.map(({ planner }) => planner), [...new Array(6).fill("greedy"), "random-1", "random-2"]);
  assert.deepEqual(found[1], { planner: "greedy", plan: firstLayers(6) });
  assert.throws(() => foundPlans([["gla-4-greedy.json", `{"anchor":[0,0],"mode":"gla"}`]], 12), { param: "lazy" });
});

Deno.test("equalMemory() is the most image tokens with which a dense cache is no larger than a lazy one", () => {
  // 20 + 64 positions, 24 - 9 of 24 parts: 52.5 positions, 20 of text
  assert.deepEqual(equalMemory(12, 64, 20, 9), [32]);
  assert.deepEqual(equalMemory(12, 4, 60, 11), []);
});

Deno.test("tableRows() has every row of the design, each of its own, and names the plans that are missing", () => {
  const options = { layers: 12, tileTokens: 64, textTokens: 20, own, found: foundPlans(files, 12) };
  const rows = tableRows(options);
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
  assert.deepEqual(rows[0], { name: "dense", lazy: planOf(12, [], "gla"), kv: "f16", kept: 64 });
  const kinds = ["greedy", "own plan", "q8", "32 tokens", "memory of gla"];
  for (const kind of kinds) assert.ok(rows.some(({ name }) => name.includes(kind)), kind);
  for (const mode of ["gla", "vla"]) {
    assert.equal(rows.filter(({ name, lazy }) => name.includes("greedy") && lazy.mode === mode).length, 3);
  }
  // the first one of chance is the own plan, which has a row already
  assert.deepEqual(rows.filter(({ name }) => name.includes("random")).map(({ name }) => name), [
    "gla, 9 lazy, random 2",
  ]);
  const found = foundPlans(files.slice(1, -1), 12);
  assert.throws(() => tableRows({ ...options, found }), /no plan gla-4-greedy, gla-9-random; `deno task calibrate`/);
});

const answered = (texts: string[], ids: number[] = [], perTokenMs = 0): Answered => ({
  ...{ texts, ids, perTokenMs, prefillMs: 10, kvBytes: 1000 },
});
const items: Record<Part, Item[]> = {
  captions: [{ file: "a", questions: [], references: ["a dog runs on the grass"] }],
  agreement: [{ file: "a", questions: [], references: [] }],
  yesno: [{ file: "a", questions: ["q", "r"], references: ["Yes", "No"] }],
  vqa: [{ file: "b", questions: ["s"], references: ["circle"] }, { file: "c", questions: ["t"], references: ["red"] }],
};

Deno.test("scoresOf() scores each part that was asked, agreement against the dense row", () => {
  const dense = { agreement: [answered([], [1, 2, 3, 4])] };
  const scores = scoresOf(items, {
    captions: [answered(["a dog runs on the grass"])],
    agreement: [answered([], [1, 2, 9, 4])],
    yesno: [answered(["Yes", "Yes"])],
    vqa: [answered(["circle."]), answered(["blue"])],
  }, dense);
  assert.equal(scores.yesNo, 50);
  assert.equal(scores.vqa, 50);
  assert.deepEqual([scores.equalTokens, scores.commonTokens], [75, 2]);
  assert.ok(Math.abs(scores.bleu4! - 100) < 1e-9);
  assert.deepEqual(Object.keys(scoresOf(items, { vqa: [answered(["circle"]), answered(["red"])] }, {})), ["vqa"]);
});

Deno.test("costsOf() takes medians over pictures, and steps of those alone that had one", () => {
  const captions = [answered([], [], 5), answered([], [], 0), answered([], [], 7), answered([], [], 6)];
  assert.deepEqual(costsOf({ captions }), { kvBytes: 1000, prefillMs: 10, perTokenMs: 6 });
  assert.deepEqual(costsOf({ yesno: captions }), {});
});

Deno.test("markdown() has as many cells in every line, and leaves open what was not asked", () => {
  const row = { name: "dense", lazyLayers: 0, kv: "f16", imageTokens: 64 };
  const report: QualityReport = {
    ...{ date: "2000-01-01", machine: "m", clock: "wall", versions: { deno: "2" }, counts: { captions: 3 } },
    rows: [{ ...row, kvBytes: 1000, ciderD: 36.5 }, { ...row, name: "gla", kvBytes: 625, prefillMs: 70 }],
  };
  const page = markdown(report);
  const lines = page.split("\n").filter((line) => line.startsWith("|"));
  assert.equal(lines.length, 4);
  assert.equal(new Set(lines.map((line) => line.split("|").length)).size, 1);
  assert.match(lines[3]!, /^\| gla \| 0 \| f16 \| 64 \| 625 \| -37\.5 % \| {2}\| 70\.0 \|/);
});

const row = (lazy: TableRow["lazy"], kv: TableRow["kv"], kept: number): TableRow => ({ name: "", lazy, kv, kept });

Deno.test("TableModel answers as the product does, in every combination that a row can have", async () => {
  const model = await TableModel.open("wall");
  const bytes = await Deno.readFile(PHOTOS + PHOTO);
  const looked = await model.look(bytes);
  const question = "What is the main object in this image?";
  for (const wanted of [row(own, "f16", 64), row({ ...own, mode: "vla" }, "q8", 32)]) {
    const { lazy, kv, kept } = wanted;
    const conversation = await model.about(looked, wanted);
    const words = await conversation.words([question]);
    const caption = await conversation.caption();
    const [text, vision] = [fileSource(NANO.text), fileSource(NANO.vision)];
    const captioner = await load({ text, vision, contextTokens: 256, lazy, kv, visualTokens: kept });
    const options = { maxTokens: MAX_TOKENS.caption };
    assert.equal(caption.texts[0], (await captioner.caption(bytes, options).result).text.trim());
    const answer = await captioner.caption(bytes, { ...options, prompt: question }).result;
    assert.deepEqual(words.texts, [answer.text.trim()]);
    await captioner.close();
    for (const source of [text, vision]) await source.close();
    // a caption cut from a long answer is the caption
    const { ids } = await conversation.long();
    assert.equal(ids.length, MAX_TOKENS.long);
    assert.deepEqual((await conversation.caption()).texts, caption.texts);
  }
});

Deno.test("askAll() computes what its journal lacks, and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/captions`);
    await Deno.copyFile(PHOTOS + PHOTO, `${folder}/captions/a.jpg`);
    const model = await TableModel.open("wall");
    let looks = 0;
    const counting = new Proxy(model, {
      get: (target, key) => {
        if (key === "look") looks++;
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const file = { file: "a.jpg", references: [] };
    const asked = {
      ...{ captions: [{ ...file, questions: [] }], agreement: [], vqa: [] },
      yesno: [{ ...file, questions: ["Is there a dog in this image?", "Is there a boat in this image?"] }],
    };
    const ask = async (parts: Part[], rows: TableRow[]) => {
      const journal = new Journal<Answered>(`${folder}/journal.jsonl`, isAnswered);
      const options = { model: counting, rows, items: asked, parts, data: folder, journal, say: () => {} };
      const answers = await askAll(options);
      journal.close();
      return answers;
    };
    const [dense, lazy] = [row(planOf(12, [], "gla"), "f16", 64), row(own, "f16", 64)];
    const first = await ask(["captions"], [dense]);
    assert.equal(looks, 1);
    const both = await ask(["captions", "yesno"], [dense, lazy, { ...lazy, name: "the same by another name" }]);
    assert.equal(looks, 2);
    const again = await ask(["captions", "yesno"], [dense, lazy]);
    assert.equal(looks, 2);
    assert.deepEqual(again, both);
    const [one, two] = [...both.values()];
    assert.deepEqual(one!.captions, [...first.values()][0]!.captions);
    assert.ok(one!.yesno![0]!.texts.every((text) => text === "Yes" || text === "No"));
    assert.equal(one!.yesno![0]!.texts.length, 2);
    assert.equal(two!.captions![0]!.kvBytes / one!.captions![0]!.kvBytes, 0.625);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
