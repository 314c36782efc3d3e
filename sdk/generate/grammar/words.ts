import type { Terminal } from "./automaton.ts";

const encoder = new TextEncoder();

/** One of some texts, none of them empty, as a trie of their bytes. */
export function words(texts: readonly string[]): Terminal {
  const root = new Word();
  for (const text of texts) {
    let node = root;
    for (const byte of encoder.encode(text)) node = node.child(byte);
    node.complete = true;
  }
  return root;
}

class Word implements Terminal {
  complete = false;
  readonly plainCharacters = 0;
  readonly #children = new Map<number, Word>();

  get open(): boolean {
    return this.#children.size > 0;
  }

  step(byte: number): Word | undefined {
    return this.#children.get(byte);
  }

  child(byte: number): Word {
    let child = this.#children.get(byte);
    if (!child) this.#children.set(byte, child = new Word());
    return child;
  }
}
