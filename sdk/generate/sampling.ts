import type { Backend, SamplingBuffers, TokenChoice } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
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

/** Chooses tokens where the logits are: nothing but the id chosen leaves the backend. */
export class Sampler {
  readonly #choice: Omit<TokenChoice, "uniform">;
  readonly #random: Random;

  /** @throws {LorisError} `argument_invalid` naming the option that is out of its bounds. */
  constructor(options: SamplingOptions = {}) {
    this.#choice = {
      repetitionPenalty: checked(options, "repetitionPenalty"),
      temperature: checked(options, "temperature"),
      topK: checked(options, "topK"),
      topP: checked(options, "topP"),
      minP: checked(options, "minP"),
    };
    const { seed } = options;
    if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
      fail("seed", "a whole number from 0 to 2^53 - 1", seed);
    }
    this.#random = new Random(seed ?? randomSeed());
  }

  /** True if the choice depends on ids chosen before. */
  get looksBack(): boolean {
    return this.#choice.repetitionPenalty !== 1;
  }

  /**
   * @param logits Address of f32 [count], one for each token of the vocabulary; left as they are.
   * @param buffers With room for the recent ids.
   * @param recent Ids that the repetition penalty is for; one that occurs twice is penalised once.
   * @param to 0, or where the id is left as well: see `Backend.argmax`.
   * @returns the id chosen.
   * @throws {LorisError} `non_finite` if a logit is NaN or infinite, `argument_invalid` for no logits or a foreign id.
   */
  async sample(
    backend: Backend,
    logits: number,
    count: number,
    buffers: SamplingBuffers,
    recent: ArrayLike<number> = [],
    to = 0,
  ): Promise<number> {
    if (count === 0) {
      throw new LorisError("argument_invalid", "there are no logits to choose from", { param: "logits" });
    }
    const { temperature, repetitionPenalty } = this.#choice;
    const recents = repetitionPenalty === 1 ? 0 : recent.length;
    if (recents > 0) {
      checkIds(recent, count);
      backend.write(buffers.recent, Uint32Array.from(recent));
    }
    const uniform = temperature === 0 ? 0 : this.#random.uniform();
    const id =
      await (temperature === 0 && recents === 0
        ? backend.argmax(logits, count, to)
        : backend.sample(buffers.scratch, logits, count, buffers.recent, recents, { ...this.#choice, uniform }, to));
    if (id < 0) {
      throw new LorisError(
        "non_finite",
        "the network's output for the next token is not a finite number; the weights are damaged",
      );
    }
    return id;
  }
}

function checkIds(ids: ArrayLike<number>, count: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (!(Number.isInteger(id) && id >= 0 && id < count)) {
      const message = `the recent token ${id} is not in the vocabulary of ${count}`;
      throw new LorisError("argument_invalid", message, { param: "recent" });
    }
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
