/** A text's place in what a template has made. */
export interface Place {
  /** Of the text, in the order in which placeholders were made. */
  readonly index: number;
  /** From the first character of the placeholder that is left to after the last one. */
  readonly start: number;
  readonly end: number;
  /** The template has trimmed the text on this side. */
  readonly trimmedStart: boolean;
  readonly trimmedEnd: boolean;
}

const [OPEN, CLOSE] = ["\uE000", "\uE001"];

/**
 * Stand-ins for users' texts while a template is rendered: random spaces, a bracketed random number with the text's own, random
 * spaces. They are looked for by hand: an engine compiles a regular expression of its own for each rendering, and keeps it.
 */
export class Placeholders {
  readonly texts: string[] = [];
  readonly #open: string;
  readonly #spaces: string;

  /** @param template It holds none of the placeholders. */
  constructor(template: string) {
    // Exotic spaces around the number tell afterwards which ends the template has trimmed. A template that holds the
    // same characters by chance (or by design: it cannot know the number) gets others.
    let nonce: string;
    let spaces: string;
    do {
      const random = crypto.getRandomValues(new Uint32Array(4));
      nonce = random.join("");
      spaces = Array.from(random, (word) => String.fromCharCode(0x2000 + word % 7, 0x2000 + (word >>> 8) % 7)).join("");
    } while (template.includes(nonce) || template.includes(spaces));
    this.#open = `${OPEN}${nonce}:`;
    this.#spaces = spaces;
  }

  /** What stands for a text; an empty one stays empty, since templates ask whether there is one. */
  make(text: string): string {
    if (text === "") return "";
    this.texts.push(text);
    return `${this.#spaces}${this.#open}${this.texts.length - 1}${CLOSE}${this.#spaces}`;
  }

  /** Where they are in what was rendered, in order. */
  *placesIn(rendered: string): Generator<Place, void> {
    const spaces = this.#spaces;
    let last = 0;
    for (let at = 0; (at = rendered.indexOf(this.#open, at)) >= 0;) {
      const [first, from] = [at, at + this.#open.length];
      at = from;
      const close = rendered.indexOf(CLOSE, from);
      const digits = rendered.slice(from, Math.max(from, close));
      // what a template has changed is none
      if (!/^\d+$/.test(digits)) continue;
      const before = first - spaces.length;
      const trimmedStart = before < last || !rendered.startsWith(spaces, before);
      const trimmedEnd = !rendered.startsWith(spaces, close + 1);
      const [start, end] = [trimmedStart ? first : before, close + 1 + (trimmedEnd ? 0 : spaces.length)];
      yield { index: Number(digits), start, end, trimmedStart, trimmedEnd };
      at = last = end;
    }
  }
}
