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
      const token = this.#tokenAt(text, at);
      if (!token) {
        at++;
        continue;
      }
      if (at > start) parts.push(text.slice(start, at));
      parts.push(token.id);
      at += token.length;
      start = at;
    }
    if (start < text.length) parts.push(text.slice(start));
    return parts;
  }

  #tokenAt(text: string, at: number): { id: number; length: number } | undefined {
    for (const length of this.#lengths.get(text.charCodeAt(at)) ?? NONE) {
      const id = at + length <= text.length ? this.#ids.get(text.slice(at, at + length)) : undefined;
      if (id !== undefined) return { id, length };
    }
    return undefined;
  }
}
