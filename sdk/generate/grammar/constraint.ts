import type { Backend } from "../../backend/backend.ts";
import { LorisError } from "../../errors.ts";
import { type Grammar, type GrammarState, has, type TokenMask } from "./grammar.ts";

/**
 * The logit of a token that may not follow: finite, so that it still compares, and so small that no temperature gives it a
 * probability.
 */
const FORBIDDEN = -3e38;

/** Holds one answer to a grammar. */
export class Constraint {
  readonly #grammar: Grammar;
  readonly #ids: number[] = [];
  /** Where the grammar began when `#state` was reached. */
  #start: GrammarState;
  #state: GrammarState;

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
    this.#start = this.#state = grammar.start;
  }

  /** True if the text is whole and nothing may follow it. */
  get ended(): boolean {
    return this.#state.complete && this.#state.stacks.length === 0;
  }

  /** True if a token may follow. */
  allows(id: number): boolean {
    return has(this.#mask(), id);
  }

  /**
   * Makes the logits of tokens that may not follow so small that they are never chosen, in place.
   *
   * @param logits Address of f32 [count].
   * @throws {LorisError} `non_finite` if a logit is NaN or infinite, `argument_invalid` for a schema that takes too much
   * work, `file_unsupported` if no token may follow because the vocabulary lacks bytes.
   */
  async apply(backend: Backend, logits: number, count: number): Promise<void> {
    let any = false;
    // what is overwritten must not hide that the network is broken; both are asked for before either is waited for
    const [best, edited] = await Promise.allSettled([
      backend.argmax(logits, count),
      backend.edit(logits, count, (values) => {
        any = this.#forbid(values);
      }),
    ]);
    if (best.status === "rejected") throw best.reason;
    if (best.value < 0) {
      throw new LorisError("non_finite", "the network's output is not finite; the weights are damaged");
    }
    if (edited.status === "rejected") throw edited.reason;
    if (any) return;
    throw new LorisError("file_unsupported", "the vocabulary has no token with which the answer can go on as asked", {
      param: "responseFormat",
    });
  }

  /** @returns false if no token may follow. */
  #forbid(values: Float32Array): boolean {
    this.#grammar.tidy();
    const mask = this.#mask();
    const known = Math.min(values.length, mask.length * 32);
    let any = false;
    for (let word = 0; word < mask.length; word++) {
      const bits = mask[word]!;
      any ||= bits !== 0;
      if (bits === 0xffffffff) continue;
      const end = Math.min(word * 32 + 32, known);
      if (bits === 0) values.fill(FORBIDDEN, word * 32, end);
      else for (let id = word * 32; id < end; id++) if ((bits >>> (id & 31) & 1) === 0) values[id] = FORBIDDEN;
    }
    values.fill(FORBIDDEN, known);
    return any;
  }

  /** The token that was chosen; it must be one that may follow. */
  push(id: number): void {
    this.#state = this.#grammar.after(this.#current(), id);
    this.#ids.push(id);
  }

  #mask(): TokenMask {
    return this.#grammar.mask(this.#current());
  }

  /** The state; found again by its tokens if the grammar has forgotten it, for this answer or another. */
  #current(): GrammarState {
    const { start } = this.#grammar;
    if (start !== this.#start) {
      this.#start = start;
      this.#state = this.#ids.reduce((state, id) => this.#grammar.after(state, id), start);
    }
    return this.#state;
  }
}
