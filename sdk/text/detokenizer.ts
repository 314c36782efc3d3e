import { LorisError } from "../errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

const MAX_STOPS = 16;

/**
 * Turns an answer's tokens into text as they come. What it gives out is final: bytes of an unfinished character and text
 * that may be the beginning of a stop string are held back until it is known what they are.
 */
export class Detokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #stops: readonly string[];
  // A byte order mark is a character like any other here.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #held = "";
  #stopped = false;

  /**
   * @param stops At most 16 strings that end the answer; none is ever given out.
   * @throws {LorisError} `argument_invalid` for too many stop strings or an empty one.
   */
  constructor(tokenizer: Tokenizer, stops: readonly string[] = []) {
    const right = Array.isArray(stops) && stops.length <= MAX_STOPS &&
      stops.every((stop) => typeof stop === "string" && stop !== "");
    if (!right) {
      const message = `stop must be a list of at most ${MAX_STOPS} strings, none empty`;
      throw new LorisError("argument_invalid", message, { param: "stop" });
    }
    this.#tokenizer = tokenizer;
    this.#stops = stops;
  }

  /** True once a stop string is complete; from then on nothing more is given out. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** UTF-16 units of text that is held back. */
  get heldLength(): number {
    return this.#held.length;
  }

  /**
   * @returns the text that is certain with this token, often none. Invalid UTF-8 becomes U+FFFD as `TextDecoder` does it.
   * @throws {LorisError} `argument_invalid` for an id outside of the vocabulary.
   */
  push(id: number): string {
    const bytes = this.#tokenizer.tokenBytes(id);
    return this.#stopped ? "" : this.#release(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Ends the answer. @returns what was held back; an unfinished character becomes U+FFFD. */
  finish(): string {
    if (this.#stopped) return "";
    const text = this.#release(this.#decoder.decode()) + this.#held;
    this.#held = "";
    return text;
  }

  #release(decoded: string): string {
    const text = this.#held + decoded;
    const cut = this.#firstStop(text);
    this.#stopped = cut !== undefined;
    const end = cut ?? text.length - this.#possibleStop(text);
    this.#held = this.#stopped ? "" : text.slice(end);
    return text.slice(0, end);
  }

  /** Start of the stop string that is complete first; of two that end together, the longer. Token borders do not matter. */
  #firstStop(text: string): number | undefined {
    let first: { start: number; end: number } | undefined;
    for (const stop of this.#stops) {
      const start = text.indexOf(stop);
      const end = start + stop.length;
      if (start < 0) continue;
      if (!first || end < first.end || (end === first.end && start < first.start)) first = { start, end };
    }
    return first?.start;
  }

  /** Length of the longest end of the text that begins a stop string. */
  #possibleStop(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
