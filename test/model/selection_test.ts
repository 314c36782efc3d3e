/** Image tokens that stay: which rows the decoder gets, at which positions, and in how many bytes. */
import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import {
  keepRows,
  mostImportant,
  randomTokens,
  visualSelection,
  type VisualTokensOption,
} from "../../sdk/lazy/visual_tokens.ts";
import type { Assembled } from "../../sdk/model/assemble.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import type { ImageTokens, PromptPiece } from "../../sdk/model/vlm.ts";
import { generateModel, type ModelShape } from "../bench/generate_model.ts";
import { openPair } from "./pair.ts";

const [SIDE, TOKENS, WIDTH] = [96, 64, 64];
const SHAPE: ModelShape = {
  text: { layers: 3, width: WIDTH, heads: 4, kvHeads: 2, hidden: 96, vocabulary: 8300 },
  vision: { layers: 3, width: 64, heads: 2, hidden: 96, side: SIDE, patch: 4, shuffle: 3 },
};
/** Bytes of a slot's keys and values in f16: 3 layers, 2 heads of 16. */
const SLOT_BYTES = 3 * 2 * 32 * 2;

const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const pair = await generateModel(folder, SHAPE, "Q8_0", 3);
const FILES = [new URL(`file://${pair.text}`), new URL(`file://${pair.vision}`)] as const;

async function open(option: VisualTokensOption): Promise<Assembled> {
  const visualTokens = visualSelection(option, TOKENS, (seed) => new Random(seed));
  return await openPair("relaxed", ...FILES, { contextTokens: 320, visualTokens });
}

/** A picture with something to look at: a bright square somewhere on a slope. */
function picture(seed: number): Uint8Array {
  const rgb = new Uint8Array(SIDE * SIDE * 3);
  const [left, top] = [(seed * 53) % 64, (seed * 31) % 64];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const inside = x >= left && x < left + 30 && y >= top && y < top + 30;
      for (let c = 0; c < 3; c++) rgb[(y * SIDE + x) * 3 + c] = inside ? 250 - 60 * c : (x + y * c + seed * 17) % 200;
    }
  }
  return rgb;
}

const ids = (count: number, from: number) => Array.from({ length: count }, (_, i) => (from + i * 37) % 8000);
const text = (count: number, from: number): PromptPiece => ({ kind: "text", ids: ids(count, from) });
const tile = (seed: number): PromptPiece => ({ kind: "tile", rgb: () => picture(seed) });

/** Text, then tiles, two of them side by side; where 48 tokens stay, the third lies across a chunk's end at row 128. */
const prompt = (of: (seed: number) => PromptPiece): PromptPiece[] => [
  ...[text(9, 3), of(1), text(4, 500), of(2), of(3), text(6, 44)],
];
const TEXTS = 9 + 4 + 6;

async function logitsOf({ vlm, cache }: Assembled, pieces: Iterable<PromptPiece>): Promise<Float32Array> {
  cache.truncate(0);
  const { logits } = await vlm.prefill(cache, pieces);
  return await vlm.backend.read(logits, vlm.language.config.vocabulary);
}

/** The image tokens of each tile that are to stay, made by hand. */
async function byHand({ vlm }: Assembled, keep: number, merge: boolean, random?: Random): Promise<ImageTokens[]> {
  const tiles: ImageTokens[] = [];
  for (const seed of [1, 2, 3]) {
    const rows = await vlm.imageTokens(picture(seed));
    const positions = random ? randomTokens(TOKENS, keep, random) : mostImportant(vlm.vision.importance!, keep);
    keepRows(rows, WIDTH, positions, merge);
    tiles.push({ kind: "embeddings", rows: rows.slice(0, keep * WIDTH), positions, span: TOKENS });
  }
  return tiles;
}

const OPTIONS: readonly (readonly [string, { keep: number; by: "attention" | "random"; merge: boolean }])[] = [
  ["48 by attention, merged", { keep: 48, by: "attention", merge: true }],
  ["7 by attention, dropped", { keep: 7, by: "attention", merge: false }],
  ["16 at random, merged", { keep: 16, by: "random", merge: true }],
  ["1 at random, dropped", { keep: 1, by: "random", merge: false }],
];

for (const [name, option] of OPTIONS) {
  Deno.test(`Vlm keeping ${name}: the bits of a prompt of just those rows at the positions that they had`, async () => {
    const { keep, by, merge } = option;
    const model = await open({ ...option, seed: 5 });
    const got = await logitsOf(model, prompt(tile));
    const { cache } = model;
    assert.equal(cache.length, TEXTS + 3 * keep);
    assert.equal(cache.textLength, TEXTS);
    assert.equal(cache.usedBytes, (TEXTS + 3 * keep) * SLOT_BYTES);
    assert.equal(cache.nextPosition, TEXTS + 3 * TOKENS, "what is left out keeps its positions free");
    assert.deepEqual(await logitsOf(model, prompt(tile)), got, "a prompt gives the same again");

    const tiles = await byHand(model, keep, merge, by === "random" ? new Random(5) : undefined);
    const piece = (seed: number) => tiles[seed - 1]!;
    assert.deepEqual(await logitsOf(model, prompt(piece)), got);
    const closed = prompt((seed) => ({ kind: "embeddings", rows: piece(seed).rows, span: TOKENS }));
    assert.notDeepEqual(await logitsOf(model, closed), got, "positions without gaps are others");
  });
}

Deno.test("Vlm keeping all tokens computes what it computes without selection, and reserves nothing for it", async () => {
  const [all, plain] = [await open(TOKENS), await open({ keep: TOKENS, by: "random" })];
  const off = await openPair("relaxed", ...FILES, { contextTokens: 320 });
  assert.deepEqual(all.parts, off.parts);
  assert.equal(all.vlm.vision.importance, undefined);
  const want = await logitsOf(off, prompt(tile));
  assert.deepEqual(await logitsOf(all, prompt(tile)), want);
  assert.deepEqual(await logitsOf(plain, prompt(tile)), want);
});

Deno.test("Vlm choosing at random: a seed gives the same tokens on another model too, another seed others", async () => {
  const of = async (seed: number) => await logitsOf(await open({ keep: 20, by: "random", seed }), prompt(tile));
  const first = await of(1);
  assert.deepEqual(await of(1), first);
  assert.notDeepEqual(await of(2), first);
});

Deno.test("Vlm with selection goes on after its prompt at the next position, with a second turn behind it", async () => {
  const model = await open(12);
  const { vlm, cache } = model;
  await logitsOf(model, prompt(tile));
  const next = cache.nextPosition;
  await vlm.step(cache, 77, new Pacer());
  assert.equal(cache.nextPosition, next + 1);
  const second = [text(3, 9), tile(4), text(5, 70)];
  const { logits } = await vlm.prefill(cache, second);
  const got = await vlm.backend.read(logits, vlm.language.config.vocabulary);
  assert.equal(cache.length, TEXTS + 3 * 12 + 1 + 8 + 12);
  assert.equal(cache.nextPosition, next + 1 + 8 + TOKENS);
  // in one prompt the chunks are cut elsewhere, which changes the order of no sum that matters
  const whole = await logitsOf(model, [...prompt(tile), { kind: "text", ids: [77] }, ...second]);
  const spread = Math.max(...whole) - Math.min(...whole);
  const off = Math.max(...whole.map((value, i) => Math.abs(value - got[i]!)));
  assert.ok(off < 1e-3 * spread, `off by ${off} of ${spread}`);
});

Deno.test("selection at random has no need of attention: the encoder reserves and measures nothing", async () => {
  const activations = ({ parts }: Assembled) => parts.find(({ name }) => name === "activations")!.bytes;
  const [random, attention] = [await open({ keep: 16, by: "random" }), await open(16)];
  assert.equal(random.vlm.vision.importance, undefined);
  assert.equal(attention.vlm.vision.importance!.length, TOKENS);
  const more = activations(attention) - activations(random);
  assert.ok(more >= 0 && more <= 2 ** 20 + 2 ** 16, `${more} bytes more`);
});
