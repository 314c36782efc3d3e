import { LorisError } from "../errors.ts";
import { LargestFirst } from "./largest_first.ts";
import { Random } from "./random.ts";

/** How the next token is chosen from the logits. */
export interface SamplingOptions {
  /** Divides the logits, 0 to 100. 0, the default, is greedy: the largest logit, of equal ones the lowest id. */
  readonly temperature?: number;
  /** Keeps the k largest logits (of equal ones the lower ids); 0, the default, keeps all. */
  readonly topK?: number;
  /** Keeps the fewest most probable tokens that together reach this probability, above 0 to 1 (the default: all). */
  readonly topP?: number;
  /** Keeps tokens at least this many times as probable as the most probable one, 0 (the default: all) to 1. */
  readonly minP?: number;
  /** Divides positive and multiplies negative logits of recent tokens, above 0 to 100; 1, the default, changes nothing. */
  readonly repetitionPenalty?: number;
  /** Whole number from 0 to 2^53 - 1; the same seed and logits give the same tokens. Without one it is random. */
  readonly seed?: number;
}

/** The bounds of an option, and its value where none is given. */
const OPTIONS = {
  temperature: { initial: 0, wanted: "a number from 0 to 100", right: (x: number) => x >= 0 && x <= 100 },
  topK: { initial: 0, wanted: "a whole number of at least 0", right: (x: number) => Number.isSafeInteger(x) && x >= 0 },
  topP: { initial: 1, wanted: "a number above 0, at most 1", right: (x: number) => x > 0 && x <= 1 },
  minP: { initial: 0, wanted: "a number from 0 to 1", right: (x: number) => x >= 0 && x <= 1 },
  repetitionPenalty: { initial: 1, wanted: "a number above 0, at most 100", right: (x: number) => x > 0 && x <= 100 },
};

/**
 * Chooses tokens. The steps stand in the order of `transformers` (repetition penalty, temperature, top-k, top-p, min-p);
 * llama.cpp applies temperature last, which makes its top-p and min-p see other probabilities.
 *
 * Sources: Keskar et al. 2019 (repetition penalty), Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p), Nguyen et al.
 * 2024 (min-p).
 */
export class Sampler {
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  readonly #minP: number;
  readonly #repetitionPenalty: number;
  readonly #random: Random;
  /** Working memory, made at the first step and kept: logits, then weights; the ids chosen from; their order. */
  #weights = new Float64Array(0);
  #kept = new Uint32Array(0);
  #order = new LargestFirst(0);

  /** @throws {LorisError} `argument_invalid` naming the option that is out of its bounds. */
  constructor(options: SamplingOptions = {}) {
    this.#temperature = checked(options, "temperature");
    this.#topK = checked(options, "topK");
    this.#topP = checked(options, "topP");
    this.#minP = checked(options, "minP");
    this.#repetitionPenalty = checked(options, "repetitionPenalty");
    const { seed } = options;
    if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
      fail("seed", "a whole number from 0 to 2^53 - 1", seed);
    }
    this.#random = new Random(seed ?? randomSeed());
  }

  /** True if the choice is plainly the largest logit, which a caller may then find where the logits are. */
  get greedy(): boolean {
    return this.#temperature === 0 && this.#repetitionPenalty === 1;
  }

  /**
   * @param logits One for each token of the vocabulary; left as they are.
   * @param recent Ids that the repetition penalty is for; one that occurs twice is penalised once.
   * @returns the id chosen.
   * @throws {LorisError} `non_finite` if a logit is NaN or infinite, `argument_invalid` for no logits or a foreign id.
   */
  sample(logits: Float32Array, recent: Iterable<number> = []): number {
    const count = logits.length;
    if (count === 0) {
      throw new LorisError("argument_invalid", "there are no logits to choose from", { param: "logits" });
    }
    if (this.#weights.length !== count) {
      this.#weights = new Float64Array(count);
      this.#kept = new Uint32Array(count);
      this.#order = new LargestFirst(count);
    }
    const weights = this.#weights;
    const best = this.#load(logits, recent);
    if (this.#temperature === 0) return best;
    // Softmax without its division. The largest logit is taken off before the temperature divides: however small that
    // is, the largest weight is 1.
    const largest = weights[best]!;
    for (let id = 0; id < count; id++) weights[id] = Math.exp((weights[id]! - largest) / this.#temperature);
    return this.#draw(this.#keep(count));
  }

  /** Copies the logits, penalises the recent, and finds the largest. */
  #load(logits: Float32Array, recent: Iterable<number>): number {
    const weights = this.#weights;
    for (let id = 0; id < logits.length; id++) {
      const logit = logits[id]!;
      if (!Number.isFinite(logit)) {
        throw new LorisError("non_finite", `the logit of token ${id} is ${logit}: the network has broken down`);
      }
      weights[id] = logit;
    }
    if (this.#repetitionPenalty !== 1) {
      for (const id of recent) {
        const logit = logits[id];
        if (logit === undefined) {
          const message = `the recent token ${id} is not in the vocabulary of ${logits.length}`;
          throw new LorisError("argument_invalid", message, { param: "recent" });
        }
        // From the logits themselves, so that a token that occurs twice gets the same again.
        weights[id] = logit > 0 ? logit / this.#repetitionPenalty : logit * this.#repetitionPenalty;
      }
    }
    let best = 0;
    for (let id = 1; id < weights.length; id++) if (weights[id]! > weights[best]!) best = id;
    return best;
  }

  /** Fills `#kept` with the ids that top-k, top-p and min-p leave. @returns their number, at least 1. */
  #keep(count: number): number {
    const weights = this.#weights;
    const kept = this.#kept;
    const most = this.#topK === 0 ? count : Math.min(this.#topK, count);
    let found = 0;
    if (most === count && this.#topP === 1) {
      for (let id = 0; id < count; id++) if (weights[id]! >= this.#minP) kept[found++] = id;
      return found;
    }
    this.#order.start(weights);
    let total = 0;
    if (most < count) {
      while (found < most) total += weights[kept[found++] = this.#order.next()]!;
    } else {
      for (let id = 0; id < count; id++) total += weights[id]!;
    }
    // Top-p is of what top-k has left; where that is all, ids are put in order only as far as they are needed.
    let left = 0;
    for (let reached = 0; left < most && reached < this.#topP * total; left++) {
      if (left === found) kept[found++] = this.#order.next();
      reached += weights[kept[left]!]!;
    }
    // The largest weight is 1, so that weights compare with it as they are.
    while (left > 1 && weights[kept[left - 1]!]! < this.#minP) left--;
    return left;
  }

  /** Draws one of the first `count` kept ids, each with a probability in proportion to its weight. */
  #draw(count: number): number {
    let total = 0;
    for (let i = 0; i < count; i++) total += this.#weights[this.#kept[i]!]!;
    let rest = this.#random.uniform() * total;
    let chosen = this.#kept[0]!;
    for (let i = 0; i < count; i++) {
      const id = this.#kept[i]!;
      const weight = this.#weights[id]!;
      // Rounding can leave a rest past the last one: the last that has a weight then stays chosen.
      if (weight > 0) chosen = id;
      rest -= weight;
      if (rest < 0) break;
    }
    return chosen;
  }
}

function randomSeed(): number {
  return Number(crypto.getRandomValues(new BigUint64Array(1))[0]! >> 11n);
}

function checked(options: SamplingOptions, name: keyof typeof OPTIONS): number {
  const { initial, wanted, right } = OPTIONS[name];
  const value = options[name] ?? initial;
  if (typeof value !== "number" || !right(value)) fail(name, wanted, value);
  return value;
}

function fail(param: string, wanted: string, got: unknown): never {
  throw new LorisError("argument_invalid", `${param} must be ${wanted}, it is ${String(got)}`, { param });
}
