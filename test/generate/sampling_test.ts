import assert from "node:assert/strict";
import { LargestFirst } from "../../sdk/generate/largest_first.ts";
import { Random } from "../../sdk/generate/random.ts";
import { Sampler, type SamplingOptions } from "../../sdk/generate/sampling.ts";

const logits = (...values: number[]) => Float32Array.from(values);

/** Draws, counted by id. */
function counts(options: SamplingOptions, values: Float32Array, draws: number, recent: number[] = []): number[] {
  const sampler = new Sampler(options);
  const result = new Array<number>(values.length).fill(0);
  for (let i = 0; i < draws; i++) result[sampler.sample(values, recent)]!++;
  return result;
}

/** Pearson's statistic against expected probabilities; a draw of what has none makes it infinite. */
function chiSquare(observed: readonly number[], expected: readonly number[]): number {
  const draws = observed.reduce((sum, n) => sum + n, 0);
  return observed.reduce((sum, n, i) => {
    const wanted = draws * expected[i]!;
    if (wanted === 0) return n === 0 ? sum : Infinity;
    return sum + (n - wanted) ** 2 / wanted;
  }, 0);
}

/** Quantiles of chi-square at 1e-4 by degrees of freedom: a right sampler fails one such test in ten thousand seeds. */
const CHI_SQUARE_LIMIT: Record<number, number> = { 1: 15.14, 2: 18.42, 3: 21.11, 4: 23.51, 5: 25.74, 255: 347.65 };

function normalized(weights: number[]): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

const SIX = [2, 1.5, 1, 0, -1, 0.5];
const softmax = (values: number[], temperature = 1) => normalized(values.map((x) => Math.exp(x / temperature)));

/** Expected probabilities worked out in plain steps, apart from the sampler's way. */
const DISTRIBUTIONS: [string, SamplingOptions, number[], number[]][] = [
  ["temperature 1", { temperature: 1 }, [], softmax(SIX)],
  ["temperature 0.5", { temperature: 0.5 }, [], softmax(SIX, 0.5)],
  ["temperature 3", { temperature: 3 }, [], softmax(SIX, 3)],
  // The three largest are ids 0, 1, 2.
  ["top-k 3", { temperature: 1, topK: 3 }, [], [...softmax(SIX.slice(0, 3)), 0, 0, 0]],
  ["top-k beyond the vocabulary", { temperature: 1, topK: 99 }, [], softmax(SIX)],
  // Probabilities 0.420, 0.255, 0.155, 0.057, 0.021, 0.094: 0.675 after two, 0.829 after three.
  ["top-p 0.7", { temperature: 1, topP: 0.7 }, [], [...softmax(SIX.slice(0, 3)), 0, 0, 0]],
  ["top-p 0.6", { temperature: 1, topP: 0.6 }, [], [...softmax(SIX.slice(0, 2)), 0, 0, 0, 0]],
  // Of the three that top-k leaves: 0.506, 0.307, 0.186; without it 0.7 would need all three.
  ["top-p after top-k", { temperature: 1, topK: 3, topP: 0.7 }, [], [...softmax(SIX.slice(0, 2)), 0, 0, 0, 0]],
  // Times as probable as the first: 1, 0.61, 0.37, 0.14, 0.05, 0.22.
  ["min-p 0.3", { temperature: 1, minP: 0.3 }, [], [...softmax(SIX.slice(0, 3)), 0, 0, 0]],
  ["min-p after top-k", { temperature: 1, topK: 4, minP: 0.5 }, [], [...softmax(SIX.slice(0, 2)), 0, 0, 0, 0]],
  // Min-p sees the temperature: 1, 0.78, 0.61, 0.37, 0.22, 0.47.
  ["min-p after temperature 2", { temperature: 2, minP: 0.6 }, [], [...softmax(SIX.slice(0, 3), 2), 0, 0, 0]],
  // Penalised 0 (2 / 2), 4 (-1 x 2); 4 twice in the list, once in effect.
  [
    "repetition penalty 2",
    { temperature: 1, repetitionPenalty: 2 },
    [0, 4, 4],
    softmax([1, 1.5, 1, 0, -2, 0.5]),
  ],
];

for (const [name, options, recent, expected] of DISTRIBUTIONS) {
  Deno.test(`Sampler.sample() with ${name} has the expected distribution`, () => {
    const observed = counts({ ...options, seed: 2024 }, logits(...SIX), 40_000, recent);
    const freedom = expected.filter((p) => p > 0).length - 1;
    const statistic = chiSquare(observed, expected);
    assert.ok(statistic < CHI_SQUARE_LIMIT[freedom]!, `chi-square ${statistic} of ${observed}`);
  });
}

Deno.test("the chi-square bound catches a temperature that is wrong by a tenth", () => {
  const observed = counts({ temperature: 1.1, seed: 2024 }, logits(...SIX), 40_000);
  assert.ok(chiSquare(observed, softmax(SIX)) > CHI_SQUARE_LIMIT[5]!);
});

Deno.test("Sampler.sample() is greedy by default, the first of equal logits wins", () => {
  const sampler = new Sampler();
  assert.ok(sampler.greedy);
  assert.equal(sampler.sample(logits(-3, 7, 1, 7, 2)), 1);
  assert.equal(sampler.sample(logits(-3, -7, -3)), 0);
  assert.equal(sampler.sample(logits(5)), 0);
});

Deno.test("Sampler.sample() at temperature 0 heeds the repetition penalty", () => {
  const sampler = new Sampler({ repetitionPenalty: 2 });
  assert.ok(!sampler.greedy);
  assert.equal(sampler.sample(logits(3, 2, 1), [0]), 1);
  assert.equal(sampler.sample(logits(-1, -3, -5), [0, 1]), 0);
});

Deno.test("Sampler.sample() gives the same ids for the same seed and others for another", () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
  const ids = (seed: number) => {
    const sampler = new Sampler({ temperature: 1.5, topP: 0.95, seed });
    return Array.from({ length: 50 }, () => sampler.sample(values));
  };
  assert.deepEqual(ids(1), ids(1));
  // The second differs in the high half alone.
  for (const other of [2, 1 + 2 ** 32, Number.MAX_SAFE_INTEGER]) assert.notDeepEqual(ids(1), ids(other));
});

Deno.test("Sampler.sample() without a seed differs from sampler to sampler", () => {
  const values = new Float32Array(1000);
  const ids = () => {
    const sampler = new Sampler({ temperature: 1 });
    return Array.from({ length: 20 }, () => sampler.sample(values)).join();
  };
  assert.notEqual(ids(), ids());
});

Deno.test("Sampler.sample() leaves the logits as they are, and takes vocabularies of changing size", () => {
  const sampler = new Sampler({ temperature: 1, topK: 2, repetitionPenalty: 1.3, seed: 3 });
  for (const size of [6, 3, 9]) {
    const values = Float32Array.from({ length: size }, (_, i) => i - 4);
    const before = values.slice();
    const id = sampler.sample(values, [0]);
    assert.ok(id >= size - 2 && id < size);
    assert.deepEqual(values, before);
  }
});

Deno.test("Sampler.sample() with the least temperature and the largest logits chooses the largest", () => {
  for (const options of [{}, { topK: 2 }, { topP: 0.9 }, { minP: 1 }]) {
    const sampler = new Sampler({ temperature: Number.MIN_VALUE, seed: 1, ...options });
    assert.equal(sampler.sample(logits(-3.4e38, 3.4e38, 3.3e38)), 1);
  }
});

Deno.test("Sampler.sample() with top-k 1, the least top-p, or min-p 1 chooses the largest", () => {
  for (const options of [{ topK: 1 }, { topP: Number.MIN_VALUE }, { minP: 1 }]) {
    assert.deepEqual(counts({ temperature: 5, seed: 9, ...options }, logits(1, 1.25, 0.5), 200), [0, 200, 0]);
  }
});

Deno.test("Sampler.sample() keeps the lower ids of those that tie at the border of top-k", () => {
  const observed = counts({ temperature: 1, topK: 3, seed: 4 }, logits(1, 2, 1, 1, 1, 2), 500);
  assert.deepEqual(observed.map((n) => n > 0), [true, true, false, false, false, true]);
});

for (const bad of [NaN, Infinity, -Infinity]) {
  Deno.test(`Sampler.sample() reports a logit of ${bad}`, () => {
    for (const options of [{}, { temperature: 1 }, { temperature: 1, topK: 1 }]) {
      for (const at of [0, 2]) {
        const values = logits(1, 2, 3);
        values[at] = bad;
        assert.throws(() => new Sampler(options).sample(values), { code: "non_finite" });
      }
    }
  });
}

Deno.test("Sampler.sample() refuses no logits, and recent ids outside of the vocabulary", () => {
  const sampler = new Sampler({ repetitionPenalty: 1.1 });
  assert.throws(() => sampler.sample(new Float32Array(0)), { code: "argument_invalid", param: "logits" });
  for (const id of [-1, 2, 0.5]) {
    assert.throws(() => sampler.sample(logits(1, 2), [id]), { code: "argument_invalid", param: "recent" });
  }
});

const BAD_OPTIONS: [keyof SamplingOptions, unknown[]][] = [
  ["temperature", [-0.1, 100.1, NaN, Infinity, "1"]],
  ["topK", [-1, 1.5, NaN, Infinity, "3"]],
  ["topP", [0, -1, 1.1, NaN]],
  ["minP", [-0.1, 1.1, NaN]],
  ["repetitionPenalty", [0, -1, NaN, Infinity]],
  ["seed", [-1, 0.5, NaN, 2 ** 53, "1"]],
];

for (const [param, values] of BAD_OPTIONS) {
  Deno.test(`Sampler refuses ${param} out of bounds`, () => {
    for (const value of values) {
      const options = { [param]: value } as SamplingOptions;
      assert.throws(() => new Sampler(options), { code: "argument_invalid", param }, String(value));
    }
  });
}

Deno.test("Random.uniform() lies in [0, 1) and is even over 256 parts, also of its low bits", () => {
  const random = new Random(7);
  const [high, low] = [new Array<number>(256).fill(0), new Array<number>(256).fill(0)];
  for (let i = 0; i < 256 * 400; i++) {
    const x = random.uniform();
    assert.ok(x >= 0 && x < 1);
    high[Math.floor(x * 256)]!++;
    low[Math.floor(x * 2 ** 53) % 256]!++;
  }
  const even = new Array<number>(256).fill(1 / 256);
  assert.ok(chiSquare(high, even) < CHI_SQUARE_LIMIT[255]!);
  assert.ok(chiSquare(low, even) < CHI_SQUARE_LIMIT[255]!);
});

Deno.test("LargestFirst gives every id once, ordered as a sort orders them", () => {
  const random = new Random(11);
  for (const size of [1, 2, 3, 10, 257]) {
    const order = new LargestFirst(size);
    for (let round = 0; round < 20; round++) {
      // Few distinct weights, so that ties are common.
      const weights = Float64Array.from({ length: size }, () => Math.floor(random.uniform() * size / 2));
      order.start(weights);
      const wanted = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]! || a - b);
      assert.deepEqual(Array.from({ length: size }, () => order.next()), wanted);
    }
  }
});
