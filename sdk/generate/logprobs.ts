import type { Backend } from "../backend/backend.ts";
import { LorisError } from "../errors.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Whether the tokens' probabilities are wanted. */
export interface LogprobsOptions {
  /** Each token of the answer with its log probability; false if left out. */
  readonly logprobs?: boolean;
  /** The most probable tokens at each place, with theirs: 0, the default, to 20; needs `logprobs`. */
  readonly topLogprobs?: number;
}

/** A token, and how probable the network found it. */
export interface TokenProbability {
  /** Its bytes as text; what is no whole character is U+FFFD. */
  readonly token: string;
  /** UTF-8; some tokens are a part of a character, and marks print nothing. */
  readonly bytes: Uint8Array;
  /**
   * Natural logarithm of its probability: the log softmax of the network's logits as they are, before temperature, penalty,
   * top-k, top-p, min-p and `responseFormat`.
   */
  readonly logprob: number;
}

/** A token of the answer, with those that were the most probable in its place; it need not be among them. */
export interface TokenLogprob extends TokenProbability {
  /** The most probable first, of equal ones the lowest id. */
  readonly topLogprobs: readonly TokenProbability[];
}

const MAX_TOP = 20;

/** Reads log probabilities where the logits are. */
export class LogprobReader {
  readonly #tokenizer: Tokenizer;
  readonly #top: number;

  private constructor(tokenizer: Tokenizer, top: number) {
    this.#tokenizer = tokenizer;
    this.#top = top;
  }

  /**
   * @returns undefined where nothing is wanted.
   * @throws {LorisError} `argument_invalid` naming the option.
   */
  static of(tokenizer: Tokenizer, { logprobs = false, topLogprobs = 0 }: LogprobsOptions): LogprobReader | undefined {
    if (typeof logprobs !== "boolean") fail("logprobs", "true or false", logprobs);
    if (!(Number.isInteger(topLogprobs) && topLogprobs >= 0 && topLogprobs <= MAX_TOP)) {
      fail("topLogprobs", `a whole number from 0 to ${MAX_TOP}`, topLogprobs);
    }
    if (topLogprobs > 0 && !logprobs) fail("topLogprobs", "left out where logprobs is not true", topLogprobs);
    return logprobs ? new LogprobReader(tokenizer, topLogprobs) : undefined;
  }

  /**
   * Reads one row of logits, before anything changes them.
   *
   * @param logits Address of f32 [count].
   * @returns what tells of the token that is chosen from them.
   * @throws {LorisError} `non_finite` if a logit is NaN or infinite.
   */
  async read(backend: Backend, logits: number, count: number): Promise<(id: number) => TokenLogprob> {
    const [best, values] = await Promise.all([backend.argmax(logits, count), backend.read(logits, count)]);
    if (best < 0) throw new LorisError("non_finite", "the network's output is not finite; the weights are damaged");
    const largest = values[best]!;
    let sum = 0;
    for (let id = 0; id < count; id++) sum += Math.exp(values[id]! - largest);
    const whole = largest + Math.log(sum);
    const ids = Math.min(this.#top, this.#tokenizer.vocabularySize);
    const top = largestOf(values.subarray(0, this.#tokenizer.vocabularySize), ids);
    const topLogprobs = top.map((id) => this.#probability(id, values[id]! - whole));
    return (id) => ({ ...this.#probability(id, values[id]! - whole), topLogprobs });
  }

  #probability(id: number, logprob: number): TokenProbability {
    const bytes = this.#tokenizer.tokenBytes(id);
    return { token: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), bytes, logprob };
  }
}

/** Indices of the largest values in order, of equal ones the first. */
function largestOf(values: Float32Array, count: number): number[] {
  const kept: number[] = [];
  if (count === 0) return kept;
  let least = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (kept.length === count && value <= least) continue;
    let place = kept.length;
    while (place > 0 && values[kept[place - 1]!]! < value) place--;
    kept.splice(place, 0, i);
    if (kept.length > count) kept.pop();
    least = values[kept.at(-1)!]!;
  }
  return kept;
}

function fail(param: string, wanted: string, got: unknown): never {
  throw new LorisError("argument_invalid", `${param} must be ${wanted}, it is ${String(got)}`, { param });
}
