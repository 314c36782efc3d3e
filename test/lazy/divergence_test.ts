import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import {
  type AttentionRows,
  type DivergenceProfile,
  divergenceProfile,
  jensenShannon,
  MeanProfile,
} from "../../sdk/lazy/divergence.ts";

/** What `vectors/generate.py` has scipy compute. */
interface Vectors {
  pairs: { name: string; p: number[]; q: number[]; nats: number }[];
  attention: {
    layers: number;
    heads: number;
    positions: number;
    visual: number[];
    weights: number[];
    profile: { all: number[]; visual: number[] };
  };
}
const vectors: Vectors = JSON.parse(await Deno.readTextFile(new URL("vectors/divergence.json", import.meta.url)));
const { visual, profile: wanted, ...shape } = vectors.attention;
const attention: AttentionRows = { ...shape, weights: Float32Array.from(shape.weights) };

/** f64 sums of at most 33 terms, each below 1. */
const ROUNDING = 1e-14;
const close = (got: number, wanted: number, name: string) =>
  assert.ok(Math.abs(got - wanted) < ROUNDING, `${name}: ${got}, wanted ${wanted}`);

for (const { name, p, q, nats } of vectors.pairs) {
  Deno.test(`jensenShannon() of ${name} equals scipy's, either way round`, () => {
    close(jensenShannon(p, q), nats, name);
    close(jensenShannon(q, p), nats, name);
  });
}

Deno.test("jensenShannon() is 0 for equal vectors and ln 2 for those with nothing in common, exactly", () => {
  const p = Float32Array.of(0.1, 0.2, 0.3, 0.4);
  assert.equal(jensenShannon(p, p), 0);
  assert.equal(jensenShannon([1, 0], [0, 1]), Math.LN2);
});

Deno.test("jensenShannon() is never below 0, though the terms of nearly equal vectors cancel down to their rounding", () => {
  const random = new Random(1);
  for (let i = 0; i < 100; i++) {
    const weights = Array.from({ length: 8 }, () => random.uniform());
    const sum = weights.reduce((a, b) => a + b);
    const p = weights.map((weight) => weight / sum);
    const q = p.map((weight) => weight * (1 + (random.uniform() - 0.5) * 16 * Number.EPSILON));
    const nats = jensenShannon(p, q);
    assert.ok(nats >= 0 && nats < ROUNDING, `${nats}`);
  }
});

Deno.test("jensenShannon() refuses vectors that are no probabilities", () => {
  const wrong: [number[], number[], RegExp][] = [
    [[], [], /0 and 0 probabilities/],
    [[1], [0.5, 0.5], /1 and 2 probabilities/],
    [[0.5, 0.5], [1.5, -0.5], /second vector: entry 1 is -0\.5/],
    [[NaN, 1], [0.5, 0.5], /first vector: entry 0 is NaN/],
    [[Infinity, 1], [0.5, 0.5], /entry 0 is Infinity/],
    [[0.5, 0.502], [0.5, 0.5], /first vector: the sum is 1\.002/],
    [[0.5, 0.5], [0, 0], /second vector: the sum is 0/],
  ];
  for (const [p, q, message] of wrong) {
    assert.throws(() => jensenShannon(p, q), { name: "LorisError", code: "argument_invalid", message });
  }
});

Deno.test("divergenceProfile() equals scipy's, over all positions and over the visual ones", () => {
  const got = divergenceProfile(attention, visual);
  for (const part of ["all", "visual"] as const) {
    assert.equal(got[part].length, attention.layers - 1);
    for (const [i, value] of got[part].entries()) close(value, wanted[part][i]!, `${part}, layer ${i + 1}`);
  }
});

Deno.test("divergenceProfile() compares head with head: heads in another order are another attention", () => {
  const [a, b] = [[0.9, 0.1], [0.2, 0.8]];
  const rows = (...rows: number[][]) => ({
    weights: Float32Array.from(rows.flat()),
    ...{ layers: 2, heads: 2, positions: 2 },
  });
  assert.deepEqual(divergenceProfile(rows(a!, b!, a!, b!), [0, 1]), { all: [0], visual: [0] });
  assert.ok(divergenceProfile(rows(a!, b!, b!, a!), [0, 1]).all[0]! > 0.1);
});

Deno.test("divergenceProfile() refuses sizes, positions and weights that do not fit", () => {
  const wrong: [Partial<AttentionRows>, number[], RegExp][] = [
    [{ layers: 5 }, visual, /132 attention weights are not those of 5 layers/],
    [{ layers: 1, heads: 12 }, visual, /2 layers or more/],
    [{ heads: 0 }, visual, /0 heads/],
    [{}, [], /no visual position/],
    [{}, [3, 3], /visual position 1 is 3/],
    [{}, [11], /visual position 0 is 11: .* below 11/],
    [{}, [-1], /visual position 0 is -1/],
    [{}, [0.5], /visual position 0 is 0\.5/],
    [{ weights: attention.weights.with(35, NaN) }, visual, /layer 1, head 0: entry 2 is NaN/],
    [
      { weights: attention.weights.map((w, i) => (i === 0 ? w + 0.1 : w)) },
      visual,
      /layer 0, head 0: the sum is 1\.0999/,
    ],
    [{ weights: Float32Array.from(attention.weights, (_, i) => (i % 11 === 0 ? 1 : 0)) }, visual, /no weight at all/],
  ];
  for (const [change, positions, message] of wrong) {
    assert.throws(() => divergenceProfile({ ...attention, ...change }, positions), {
      code: "argument_invalid",
      message,
    });
  }
});

Deno.test("MeanProfile is the mean of what was added, and counts the pictures", () => {
  const mean = new MeanProfile();
  assert.throws(() => mean.mean(), { code: "argument_invalid", message: /no pictures/ });
  const profiles: DivergenceProfile[] = [{ all: [1, 2], visual: [0, 0.5] }, { all: [0.5, 4], visual: [1, 0.25] }];
  for (const profile of profiles) mean.add(profile);
  assert.equal(mean.pictures, 2);
  assert.deepEqual(mean.mean(), { all: [0.75, 3], visual: [0.5, 0.375] });
  assert.throws(() => mean.add({ all: [1], visual: [1] }), { message: /2 layers came after profiles of 3/ });
  assert.deepEqual(profiles[0], { all: [1, 2], visual: [0, 0.5] }, "what was added is left as it was");
});
