import assert from "node:assert/strict";
import type { TokenChoice } from "../../sdk/backend/backend.ts";
import { Random } from "../../sdk/generate/random.ts";
import { Bench, BUILDS, numbers } from "./harness.ts";

interface Candidate {
  readonly id: number;
  weight: number;
}

/** What the steps leave, in f64 and by sorting, in the order in which the draw goes through them. */
function candidates(logits: Float32Array, recent: readonly number[], choice: TokenChoice): Candidate[] {
  const { repetitionPenalty: penalty, temperature, topK, topP, minP } = choice;
  const penalised = Array.from(
    logits,
    (x, id) => !recent.includes(id) ? x : x > 0 ? x / penalty : x * penalty,
  );
  const largest = Math.max(...penalised);
  let left = penalised.map((x, id) => ({ id, weight: Math.exp((x - largest) / temperature) }));
  if ((topK > 0 && topK < logits.length) || topP < 1) {
    left.sort((a, b) => b.weight - a.weight || a.id - b.id);
    if (topK > 0) left = left.slice(0, topK);
    const total = left.reduce((sum, { weight }) => sum + weight, 0);
    let reached = 0;
    left = left.filter(({ weight }) => {
      const wanted = reached < topP * total;
      reached += weight;
      return wanted;
    });
  }
  left = left.filter(({ weight }) => weight >= minP);
  const total = left.reduce((sum, { weight }) => sum + weight, 0);
  return left.map(({ id, weight }) => ({ id, weight: weight / total }));
}

/** How far the uniform number lies outside of what belongs to the id chosen; Infinity for an id that was not left. */
function distance(left: readonly Candidate[], id: number, uniform: number): number {
  let from = 0;
  for (const candidate of left) {
    const to = from + candidate.weight;
    if (candidate.id === id) return Math.max(0, from - uniform, uniform - to);
    from = to;
  }
  return Infinity;
}

const KEEP_ALL = { repetitionPenalty: 1, temperature: 1, topK: 0, topP: 1, minP: 0 };
const WAYS: readonly Omit<TokenChoice, "uniform">[] = [
  KEEP_ALL,
  { ...KEEP_ALL, temperature: 0.3 },
  { ...KEEP_ALL, temperature: 100 },
  { ...KEEP_ALL, repetitionPenalty: 1.7 },
  { ...KEEP_ALL, topK: 40 },
  { ...KEEP_ALL, topK: 1990, temperature: 2 },
  { ...KEEP_ALL, topK: 5000 },
  { ...KEEP_ALL, topP: 0.9 },
  { ...KEEP_ALL, topP: 0.9999, temperature: 3 },
  { ...KEEP_ALL, minP: 0.05 },
  { ...KEEP_ALL, topP: 0.8, minP: 0.1 },
  { repetitionPenalty: 0.5, temperature: 0.8, topK: 100, topP: 0.95, minP: 0.01 },
];
/** Weights are off by 2e-7 each at most; sums of them, put together from rounded parts, by some more. */
const ROUNDING = 1e-6;

for (const build of BUILDS) {
  Deno.test(`${build}: sample chooses whom the uniform number falls to, by a sampler in f64 that sorts`, async () => {
    const random = new Random(5);
    for (const [index, way] of WAYS.entries()) {
      // sizes that leave every remainder of four
      const size = 1997 + index % 4;
      const logits = numbers(40 + index, size, 2);
      const recent = [3, 700, 3, size - 1, 12];
      const bench = await Bench.create(build);
      const b = bench.backend;
      const [at, ids] = [bench.put(logits), bench.putWords(recent)];
      const scratch = bench.reserve(b.sampleScratch(size) * 4);
      const recents = way.repetitionPenalty === 1 ? 0 : recent.length;
      const left = candidates(logits, recent.slice(0, recents), { ...way, uniform: 0 });
      for (const uniform of [0, 1 - 2 ** -53, ...Array.from({ length: 100 }, () => random.uniform())]) {
        const id = await b.sample(scratch, at, size, ids, recents, { ...way, uniform });
        const off = distance(left, id, uniform);
        assert.ok(off < ROUNDING, `${JSON.stringify(way)}: ${uniform} chose ${id}, ${off} beside its place`);
      }
      assert.deepEqual(await bench.get(at, size), logits);
    }
  });

  Deno.test(`${build}: argmax finds the largest wherever it stands`, async () => {
    const bench = await Bench.create(build);
    for (let size = 1; size <= 13; size++) {
      for (let place = 0; place < size; place++) {
        const x = new Float32Array(size).fill(-7);
        x.fill(-3, place);
        assert.equal(await bench.backend.argmax(bench.put(x), size), place, `${place} of ${size}`);
        x[size - 1] = NaN;
        assert.equal(await bench.backend.argmax(bench.put(x), size), -1);
      }
    }
    assert.equal(await bench.backend.argmax(bench.put([-0, 0, -0]), 3), 0);
    assert.equal(await bench.backend.argmax(bench.put([-3.4e38, -3.4e38, -3.4e38, -3.4e38, -3.4e38]), 5), 0);
  });
}
