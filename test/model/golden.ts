/** The reference model's numbers, as assertions for anything that computes. */
import assert from "node:assert/strict";
import { hasShared, shared, sharedJson } from "../shared.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import type { KvCache } from "../../sdk/lazy/cache.ts";
import type { Assembled, AssembleOptions } from "../../sdk/model/assemble.ts";
import type { LazyOption } from "../../sdk/lazy/option.ts";
import { kvElements, type LazyPlan } from "../../sdk/lazy/plan.ts";
import type { PromptPiece, Vlm } from "../../sdk/model/vlm.ts";
import { type Computer, openPair } from "./pair.ts";

interface Expected {
  prompt_ids: number[];
  image_tokens: number[][];
  dense: Answer;
  gla: Answer;
  vla: Answer;
  /** Anchor by lazy layer. */
  lazy_plan: Record<string, number>;
}

interface Answer {
  first_logits: number[];
  greedy: number[];
}

const IMAGE_ID = 1026;
const SIDE = 64;

/** The picture whose formula `expected.json` states. */
function picture(): Uint8Array {
  const rgb = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      for (let c = 0; c < 3; c++) rgb[(y * SIDE + x) * 3 + c] = (7 * y + 5 * x + 61 * c + ((x * y) % 11) * 9) % 256;
    }
  }
  return rgb;
}

function prompt(ids: number[]): PromptPiece[] {
  const [first, last] = [ids.indexOf(IMAGE_ID), ids.lastIndexOf(IMAGE_ID)];
  return [
    { kind: "text", ids: ids.slice(0, first) },
    { kind: "tile", rgb: picture },
    { kind: "text", ids: ids.slice(last + 1) },
  ];
}

/** Largest difference, in parts of the spread of what was wanted. */
function difference(got: ArrayLike<number>, want: readonly number[]): number {
  const spread = Math.max(...want) - Math.min(...want);
  return Math.max(...want.map((w, i) => Math.abs(w - got[i]!))) / spread;
}

/**
 * f32 weights: only the order of sums differs, and in an f16 cache the keys' and values' last bits. Q8_0: the weights themselves are rounded (step 1/127
 * of a block's largest), and in the SIMD builds the activations too.
 */
const BOUNDS = { f32: 1e-4, f32InF16Cache: 1.5e-3, q8_0: 0.1 };

/** Opens one of the golden pairs; what was opened is closed when the test ends. */
type Open = (type: "f32" | "q8_0", lazy?: LazyOption, options?: Partial<AssembleOptions>) => Promise<Assembled>;

/** Registers the tests of one computer. They are skipped, and say so, where the numbers are not here. */
export function goldenTests(on: Computer, ignore = false): void {
  const skipped = ignore || !hasShared("golden");
  const test = (name: string, body: (open: Open) => Promise<void>) =>
    Deno.test({ name, ignore: skipped, fn: () => withPairs(on, body) });

  for (const type of ["f32", "q8_0"] as const) {
    const what = `image tokens, first logits${type === "f32" ? ", greedy ids" : ""}`;
    test(`golden ${type} pair on ${on.name}: ${what}`, (open) => golden(open, type));
  }
  for (const kv of ["f32", "f16"] as const) {
    test(
      `golden f32 pair on ${on.name}, ${kv} cache: GLA's first logits and greedy ids, without the keys of lazy layers`,
      (open) => lazyGolden(open, GLA, kv),
    );
    test(
      `golden f32 pair on ${on.name}, ${kv} cache: VLA's first logits and greedy ids, with keys of text alone`,
      (open) => lazyGolden(open, { ...GLA, mode: "vla" }, kv),
    );
  }
  const same = on.keptBound === 0 ? "gives the bits of" : "is as good as";
  test(`golden Q8_0 pair on ${on.name}: GLA with kept probabilities ${same} GLA without`, async (open) => {
    const answers = [];
    for (const reuseProbabilities of [true, false]) {
      const { vlm, cache, parts } = await open("q8_0", GLA, { reuseProbabilities });
      const { logits } = await vlm.prefill(cache, prompt((await sharedJson<Expected>(EXPECTED)).prompt_ids));
      const first = await vlm.backend.read(logits, vlm.language.config.vocabulary);
      const bytes = parts.find(({ name }) => name === "activations")!.bytes;
      answers.push({ first, ids: await greedy(vlm, cache, logits, 12), bytes });
    }
    const [kept, again] = answers as [typeof answers[number], typeof answers[number]];
    const off = difference(kept.first, [...again.first]);
    assert.ok(off <= on.keptBound, `first logits are off by ${off} of their spread, bound ${on.keptBound}`);
    assert.deepEqual(kept.ids, again.ids);
    assert.ok(kept.bytes > again.bytes, "probabilities were kept nowhere");
  });
  test(`golden f32 pair on ${on.name}: one model for any plan gives the greedy ids of each`, async (open) => {
    const expected = await sharedJson<Expected>(EXPECTED);
    const model = await open("f32", "off", { anyPlan: true });
    for (const mode of ["gla", "vla"] as const) {
      const { vlm, cache } = model.under({ lazy: { ...GLA, mode } });
      const { logits } = await vlm.prefill(cache, prompt(expected.prompt_ids));
      const first = await vlm.backend.read(logits, vlm.language.config.vocabulary);
      const off = difference(first, expected[mode].first_logits);
      assert.ok(off < BOUNDS.f32InF16Cache, `${mode}: first logits are off by ${off} of their spread`);
      assert.deepEqual(await greedy(vlm, cache, logits, expected[mode].greedy.length), expected[mode].greedy);
    }
  });
  test(`golden Q8_0 pair on ${on.name}: a plan without lazy layers gives the bits of no plan`, async (open) => {
    const answers = [];
    for (const lazy of ["off", { anchor: [0, 1, 2, 3, 4, 5], mode: "gla" }] as const) {
      const { vlm, cache } = await open("q8_0", lazy);
      const { logits } = await vlm.prefill(cache, prompt((await sharedJson<Expected>(EXPECTED)).prompt_ids));
      answers.push(await vlm.backend.read(logits, vlm.language.config.vocabulary));
    }
    assert.deepEqual(answers[1], answers[0]);
  });
}

async function withPairs(on: Computer, body: (open: Open) => Promise<void>): Promise<void> {
  const opened: Assembled[] = [];
  const file = (part: string, type: string) => shared(`golden/tiny-${part}-${type}.gguf`);
  try {
    await body(async (type, lazy = "off", options = {}) => {
      const pair = await openPair(on, file("text", type), file("mmproj", type), { lazy, ...options });
      opened.push(pair);
      return pair;
    });
  } finally {
    for (const { vlm } of opened) vlm.backend.destroy();
  }
}

const EXPECTED = "golden/expected.json";

/** The plan that `expected.json` states for GLA. */
const GLA = { anchor: [0, 0, 0, 3, 3, 3], mode: "gla" } as const;

async function lazyGolden(open: Open, lazy: LazyPlan, kv: "f32" | "f16"): Promise<void> {
  const expected = await sharedJson<Expected>(EXPECTED);
  const { mode } = lazy;
  assert.deepEqual(lazy.anchor, Array.from({ length: 6 }, (_, layer) => expected.lazy_plan[layer] ?? layer));
  const { vlm, cache, parts } = await open("f32", lazy, { kv });
  const { backend, language } = vlm;
  const { logits } = await vlm.prefill(cache, prompt(expected.prompt_ids));
  const first = await backend.read(logits, language.config.vocabulary);
  const off = difference(first, expected[mode].first_logits);
  const bound = kv === "f32" ? BOUNDS.f32 : BOUNDS.f32InF16Cache;
  assert.ok(off < bound, `first logits are off by ${off} of their spread, bound ${bound}`);
  const elementBytes = kv === "f32" ? 4 : 2;
  const visual = expected.prompt_ids.filter((id) => id === IMAGE_ID).length;
  const bytes = (tokens: number) => kvElements(lazy, tokens, visual, language.config.headWidth) * elementBytes;
  assert.equal(cache.usedBytes, bytes(expected.prompt_ids.length));
  assert.deepEqual(await greedy(vlm, cache, logits, expected[mode].greedy.length), expected[mode].greedy);
  assert.equal(cache.usedBytes, bytes(expected.prompt_ids.length + expected[mode].greedy.length - 1));

  const dense = await open("f32", "off", { kv });
  const partBytes = (name: string, of = parts) => of.find((part) => part.name === name)?.bytes ?? 0;
  assert.equal(
    partBytes("kv cache"),
    kvElements(lazy, cache.capacity, cache.capacity - cache.textCapacity, language.config.headWidth) * elementBytes,
    "what is not kept has no place",
  );
  const [weights, denseWeights] = [partBytes("weights"), partBytes("weights", dense.parts)];
  if (mode === "gla") assert.ok(weights < denseWeights, "the lazy layers' query and key weights are not loaded");
  else assert.equal(weights, denseWeights);
  assert.ok(partBytes("q cache") > 0 && partBytes("q cache", dense.parts) === 0);
}

async function greedy(vlm: Vlm, cache: KvCache, logits: number, count: number): Promise<number[]> {
  const { backend, language } = vlm;
  const ids = [await backend.argmax(logits, language.config.vocabulary)];
  const pacer = new Pacer();
  while (ids.length < count) {
    const next = await vlm.step(cache, ids.at(-1)!, pacer);
    ids.push(await backend.argmax(next, language.config.vocabulary));
  }
  return ids;
}

async function golden(open: Open, type: "f32" | "q8_0"): Promise<void> {
  const expected = await sharedJson<Expected>(EXPECTED);
  const { vlm, cache } = await open(type, "off", { kv: "f32" });
  const { backend, language, vision } = vlm;
  const bound = BOUNDS[type];

  const { logits } = await vlm.prefill(cache, prompt(expected.prompt_ids));
  const firstLogits = await backend.read(logits, language.config.vocabulary);
  assert.equal(cache.length, expected.prompt_ids.length);
  const logitsOff = difference(firstLogits, expected.dense.first_logits);
  assert.ok(logitsOff < bound, `first logits are off by ${logitsOff} of their spread, bound ${bound}`);

  if (type === "f32") {
    assert.deepEqual(await greedy(vlm, cache, logits, expected.dense.greedy.length), expected.dense.greedy);
  }

  const tokens = await vlm.imageTokens(picture());
  const want = expected.image_tokens.flat();
  assert.equal(tokens.length, want.length);
  assert.equal(vision.config.tokens, expected.image_tokens.length);
  const tokensOff = difference(tokens, want);
  assert.ok(tokensOff < bound, `image tokens are off by ${tokensOff} of their spread, bound ${bound}`);
}
