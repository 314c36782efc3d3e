const NONE: readonly number[] = [];

/** Cuts text at fixed tokens: leftmost, and of those that start there the longest, as `tokenizers` does. */
export class TokenSplitter {
  readonly #ids: ReadonlyMap<string, number>;
  /** Lengths that occur, by first UTF-16 unit, the longest first: few look-ups a place, however many tokens there are. */
  readonly #lengths = new Map<number, number[]>();

  constructor(ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    const sets = new Map<number, Set<number>>();
    for (const token of ids.keys()) {
      const unit = token.charCodeAt(0);
      const set = sets.get(unit);
      if (set) set.add(token.length);
      else sets.set(unit, new Set([token.length]));
    }
    for (const [unit, set] of sets) this.#lengths.set(unit, [...set].sort((a, b) => b - a));
  }

  /** @returns the text's parts in order: an id for each token found, a string, never empty, for what lies between. */
  split(text: string): (string | number)[] {
    if (this.#ids.size === 0) return text === "" ? [] : [text];
    const parts: (string | number)[] = [];
    let start = 0;
    let at = 0;
    while (at < text.length) {
      const length = this.#tokenLength(text, at);
      if (length === 0) {
        at++;
        continue;
      }
      if (at > start) parts.push(text.slice(start, at));
      parts.push(this.#ids.get(text.slice(at, at + length))!);
      at += length;
      start = at;
    }
    if (start < text.length) parts.push(text.slice(start));
    return parts;
  }

  /** Of the longest token that starts at a place; 0 if none does. Nothing is made on the way: it is asked of every place. */
  #tokenLength(text: string, at: number): number {
    const lengths = this.#lengths.get(text.charCodeAt(at)) ?? NONE;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i]!;
      if (at + length <= text.length && this.#ids.has(text.slice(at, at + length))) return length;
    }
    return 0;
  }
}
