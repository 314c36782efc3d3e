import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import { Sampler, type SamplingOptions } from "../../sdk/generate/sampling.ts";
import { Bench, BUILDS, numbers } from "../ops/harness.ts";

const logits = (...values: number[]) => Float32Array.from(values);

/** Logits in a backend's memory, and what a sampler needs beside them. */
class Desk {
  readonly #bench: Bench;
  readonly #logits: number;
  readonly #buffers: { scratch: number; recent: number };

  private constructor(bench: Bench, room: number) {
    this.#bench = bench;
    this.#logits = bench.reserve(room * 4);
    this.#buffers = {
      scratch: bench.reserve(bench.backend.sampleScratch(room) * 4),
      recent: bench.reserve(room * 4),
    };
  }

  static async create(build: (typeof BUILDS)[number], room = 1000): Promise<Desk> {
    return new Desk(await Bench.create(build), room);
  }

  sample(sampler: Sampler, values: Float32Array, recent: readonly number[] = []): Promise<number> {
    const { backend } = this.#bench;
    backend.write(this.#logits, values);
    return sampler.sample(backend, this.#logits, values.length, this.#buffers, recent);
  }

  /** The logits, as the last `sample` left them. */
  left(count: number): Promise<Float32Array> {
    return this.#bench.get(this.#logits, count);
  }
}

const DESKS = await Promise.all(BUILDS.map(async (build) => [build, await Desk.create(build)] as const));

/** Draws, counted by id. */
async function counts(
  desk: Desk,
  options: SamplingOptions,
  values: Float32Array,
  draws: number,
  recent: number[] = [],
): Promise<number[]> {
  const sampler = new Sampler(options);
  const result = new Array<number>(values.length).fill(0);
  for (let i = 0; i < draws; i++) result[await desk.sample(sampler, values, recent)]!++;
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

for (const [build, desk] of DESKS) {
  for (const [name, options, recent, expected] of DISTRIBUTIONS) {
    Deno.test(`${build}: Sampler.sample() with ${name} has the expected distribution`, async () => {
      const observed = await counts(desk, { ...options, seed: 2024 }, logits(...SIX), 40_000, recent);
      const freedom = expected.filter((p) => p > 0).length - 1;
      const statistic = chiSquare(observed, expected);
      assert.ok(statistic < CHI_SQUARE_LIMIT[freedom]!, `chi-square ${statistic} of ${observed}`);
    });
  }

  Deno.test(`${build}: the chi-square bound catches a temperature that is wrong by a tenth`, async () => {
    const observed = await counts(desk, { temperature: 1.1, seed: 2024 }, logits(...SIX), 40_000);
    assert.ok(chiSquare(observed, softmax(SIX)) > CHI_SQUARE_LIMIT[5]!);
  });

  Deno.test(`${build}: Sampler.sample() is greedy by default, the first of equal logits wins`, async () => {
    const sampler = new Sampler();
    assert.equal(await desk.sample(sampler, logits(-3, 7, 1, 7, 2)), 1);
    assert.equal(await desk.sample(sampler, logits(-3, -7, -3)), 0);
    assert.equal(await desk.sample(sampler, logits(5)), 0);
  });

  Deno.test(`${build}: Sampler.sample() at temperature 0 heeds the repetition penalty`, async () => {
    const sampler = new Sampler({ repetitionPenalty: 2 });
    assert.equal(await desk.sample(sampler, logits(3, 2, 1), [0]), 1);
    assert.equal(await desk.sample(sampler, logits(-1, -3, -5), [0, 1]), 0);
    assert.equal(await desk.sample(sampler, logits(-1, -3, -5), [0, 1, 0]), 0);
  });

  Deno.test(`${build}: Sampler.sample() with a penalty that leaves f32's range still compares`, async () => {
    const large = new Sampler({ repetitionPenalty: Number.MIN_VALUE, temperature: 1, seed: 5 });
    assert.equal(await desk.sample(large, logits(1, 3e38, -1), [0]), 0);
    const small = new Sampler({ repetitionPenalty: 100, temperature: 1, seed: 5 });
    assert.equal(await desk.sample(small, logits(-3e38, -3e38, -3e38), [0, 2]), 1);
  });

  Deno.test(`${build}: Sampler.sample() gives the same ids for the same seed and others for another`, async () => {
    const values = Float32Array.from({ length: 100 }, (_, i) => Math.sin(i));
    const ids = (seed: number) => {
      const sampler = new Sampler({ temperature: 1.5, topP: 0.95, seed });
      return Array.fromAsync({ length: 50 }, () => desk.sample(sampler, values));
    };
    assert.deepEqual(await ids(1), await ids(1));
    // The second differs in the high half alone.
    for (const other of [2, 1 + 2 ** 32, Number.MAX_SAFE_INTEGER]) assert.notDeepEqual(await ids(1), await ids(other));
  });

  Deno.test(`${build}: Sampler.sample() without a seed differs from sampler to sampler`, async () => {
    const values = new Float32Array(1000);
    const ids = () => {
      const sampler = new Sampler({ temperature: 1 });
      return Array.fromAsync({ length: 20 }, () => desk.sample(sampler, values));
    };
    assert.notDeepEqual(await ids(), await ids());
  });

  Deno.test(`${build}: Sampler.sample() leaves the logits as they are, and takes vocabularies of changing size`, async () => {
    const sampler = new Sampler({ temperature: 1, topK: 2, repetitionPenalty: 1.3, seed: 3 });
    for (const size of [6, 3, 9]) {
      const values = Float32Array.from({ length: size }, (_, i) => i - 4);
      const id = await desk.sample(sampler, values, [0]);
      assert.ok(id >= size - 2 && id < size);
      assert.deepEqual(await desk.left(size), values);
    }
  });

  Deno.test(`${build}: Sampler.sample() with the least temperature and the largest logits chooses the largest`, async () => {
    for (const temperature of [Number.MIN_VALUE, 1e-45, 1e-38]) {
      for (const options of [{}, { topK: 2 }, { topP: 0.9 }, { minP: 1 }]) {
        const sampler = new Sampler({ temperature, seed: 1, ...options });
        assert.equal(await desk.sample(sampler, logits(-3.4e38, 3.4e38, 3.3e38)), 1);
      }
    }
  });

  Deno.test(`${build}: Sampler.sample() with top-k 1, the least top-p, or min-p 1 chooses the largest`, async () => {
    for (const options of [{ topK: 1 }, { topP: Number.MIN_VALUE }, { minP: 1 }]) {
      assert.deepEqual(await counts(desk, { temperature: 5, seed: 9, ...options }, logits(1, 1.25, 0.5), 200), [
        0,
        200,
        0,
      ]);
    }
  });

  Deno.test(`${build}: Sampler.sample() keeps the lower ids of those that tie at the border of top-k`, async () => {
    const observed = await counts(desk, { temperature: 1, topK: 3, seed: 4 }, logits(1, 2, 1, 1, 1, 2), 500);
    assert.deepEqual(observed.map((n) => n > 0), [true, true, false, false, false, true]);
  });

  for (const bad of [NaN, Infinity, -Infinity]) {
    Deno.test(`${build}: Sampler.sample() reports a logit of ${bad}`, async () => {
      for (const options of [{}, { temperature: 1 }, { temperature: 1, topK: 1 }, { repetitionPenalty: 2 }]) {
        for (const at of [0, 2, 4]) {
          const values = logits(1, 2, 3, 4, 5);
          values[at] = bad;
          await assert.rejects(desk.sample(new Sampler(options), values, [at]), { code: "non_finite" });
        }
      }
    });
  }

  Deno.test(`${build}: Sampler.sample() refuses no logits, and recent ids outside of the vocabulary`, async () => {
    const sampler = new Sampler({ repetitionPenalty: 1.1 });
    await assert.rejects(desk.sample(sampler, logits()), { code: "argument_invalid", param: "logits" });
    for (const id of [-1, 2, 0.5]) {
      await assert.rejects(desk.sample(sampler, logits(1, 2), [id]), { code: "argument_invalid", param: "recent" });
    }
  });
}

Deno.test("Sampler.sample() gives the same ids for the same seed on every build, from a vocabulary of 49280", async () => {
  const values = numbers(31, 49280, 4);
  const options: SamplingOptions[] = [
    { temperature: 1 },
    { temperature: 0.7, topP: 0.95 },
    { temperature: 1.5, topK: 500, minP: 0.02, repetitionPenalty: 1.2 },
  ];
  const ids = await Promise.all(BUILDS.map(async (build) => {
    const desk = await Desk.create(build, values.length);
    return await Array.fromAsync(options, async (o) => {
      const sampler = new Sampler({ ...o, seed: 77 });
      const made: number[] = [];
      for (let i = 0; i < 50; i++) made.push(await desk.sample(sampler, values, made));
      return made;
    });
  }));
  for (const made of ids) assert.deepEqual(made, ids[0]);
  for (const made of ids[0]!) assert.ok(new Set(made).size > 10, `${made}`);
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
