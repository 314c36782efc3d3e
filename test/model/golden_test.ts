import assert from "node:assert/strict";
import { BUILDS } from "../ops/harness.ts";
import { hasShared, shared, sharedJson } from "../shared.ts";
import { Pacer } from "../../sdk/model/pacer.ts";
import type { PromptPiece } from "../../sdk/model/vlm.ts";
import { openPair } from "./pair.ts";

interface Expected {
  prompt_ids: number[];
  image_tokens: number[][];
  dense: { first_logits: number[]; greedy: number[] };
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
 * f32 weights: only the order of sums and the f16 cache differ. Q8_0: the weights themselves are rounded (step 1/127
 * of a block's largest), and in the SIMD builds the activations too.
 */
const BOUNDS = { f32: 1e-3, q8_0: 0.1 };

for (const type of ["f32", "q8_0"] as const) {
  for (const build of BUILDS) {
    const name = `golden ${type} pair on ${build}: image tokens, first logits${type === "f32" ? ", greedy ids" : ""}`;
    Deno.test({ name, ignore: !hasShared("golden"), fn: () => golden(type, build) });
  }
}

async function golden(type: "f32" | "q8_0", build: (typeof BUILDS)[number]): Promise<void> {
  const expected = await sharedJson<Expected>("golden/expected.json");
  const { vlm, cache } = await openPair(
    build,
    shared(`golden/tiny-text-${type}.gguf`),
    shared(`golden/tiny-mmproj-${type}.gguf`),
  );
  const { backend, language, vision } = vlm;
  const bound = BOUNDS[type];

  const { logits } = await vlm.prefill(cache, prompt(expected.prompt_ids));
  const firstLogits = backend.floats(logits, language.config.vocabulary).slice();
  assert.equal(cache.length, expected.prompt_ids.length);
  const logitsOff = difference(firstLogits, expected.dense.first_logits);
  assert.ok(logitsOff < bound, `first logits are off by ${logitsOff} of their spread, bound ${bound}`);

  if (type === "f32") {
    const ids = [backend.argmax(logits, language.config.vocabulary)];
    const pacer = new Pacer();
    while (ids.length < expected.dense.greedy.length) {
      ids.push(backend.argmax(await vlm.step(cache, ids.at(-1)!, pacer), language.config.vocabulary));
    }
    assert.deepEqual(ids, expected.dense.greedy);
  }

  const tokens = await vlm.imageTokens(picture());
  const want = expected.image_tokens.flat();
  assert.equal(tokens.length, want.length);
  assert.equal(vision.config.tokens, expected.image_tokens.length);
  const tokensOff = difference(tokens, want);
  assert.ok(tokensOff < bound, `image tokens are off by ${tokensOff} of their spread, bound ${bound}`);
}
