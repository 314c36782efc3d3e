import type { TokenLogprob } from "./logprobs.ts";

/** A stretch of the answer. */
export interface Delta {
  /** Follows the text of the delta before; may be empty where tokens are told. */
  readonly text: string;
  /** Tokens that became certain with the text; none where log probabilities were not asked for. */
  readonly tokens: readonly TokenLogprob[];
}

/**
 * Tokens that wait for their text: it may be held back as the beginning of a stop string. A token comes with the text in which
 * it ends; one of which a stop string has cut all never comes. Lengths are UTF-16 units.
 */
export class TokenLog {
  readonly #waiting: { readonly token: TokenLogprob; readonly start: number; readonly end: number }[] = [];
  /** Text of all tokens so far, and what of it was given out. */
  #made = 0;
  #given = 0;

  /** @param length Of the text that is not given out yet with it. */
  push(token: TokenLogprob, length: number): void {
    const end = this.#given + length;
    this.#waiting.push({ token, start: this.#made, end });
    this.#made = end;
  }

  /** Tokens that come with so much more text. */
  give(length: number): TokenLogprob[] {
    this.#given += length;
    const later = this.#waiting.findIndex(({ end }) => end > this.#given);
    return this.#take(later < 0 ? this.#waiting.length : later);
  }

  /** Tokens that come with the last text. @param cut True if a stop string ended the answer. */
  finish(length: number, cut: boolean): TokenLogprob[] {
    this.#given += length;
    const later = cut ? this.#waiting.findIndex(({ start }) => start >= this.#given) : -1;
    return this.#take(later < 0 ? this.#waiting.length : later);
  }

  #take(count: number): TokenLogprob[] {
    return this.#waiting.splice(0, count).map(({ token }) => token);
  }
}
