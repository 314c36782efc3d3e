import type { Terminal } from "./automaton.ts";
import { type CodePoints, contains, intersect, leadByte, reachable, type Utf8Prefix } from "./utf8.ts";

/** The inside of a string, character by character. A place in it is a number. */
export interface CharacterMachine {
  readonly start: number;
  /** Characters that may follow as they are, ascending. Wherever one can go, the string can be ended sooner or later. */
  following(place: number): readonly CodePoints[];
  /** Where a character leads that may follow. */
  next(place: number, codePoint: number): number;
  /** True if the string may end here. */
  ends(place: number): boolean;
  /** Any so many characters may follow. */
  plainCharacters(place: number): number;
  /** True if a character may also be written with a backslash. Every one then leads to the same place as any other. */
  readonly escapes: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SHORT_ESCAPES = new Set(Array.from('"\\/bfnrt', (c) => c.charCodeAt(0)));
const U = 0x75;
const D = 0xd;

/**
 * A JSON string from behind its opening quote to its closing one. Escapes of surrogates are left out: half a pair is no
 * character, and a whole one can be written as it is.
 */
export class StringBody {
  readonly start: Terminal;
  readonly #machine: CharacterMachine;
  readonly #places = new Map<string | number, Terminal>();

  constructor(machine: CharacterMachine) {
    this.#machine = machine;
    this.start = this.#boundary(machine.start);
  }

  /** Between two characters. */
  #boundary(place: number): Terminal {
    return this.#places.get(place) ?? this.#place(place, this.#machine.plainCharacters(place), (byte) => {
      if (byte === QUOTE) return this.#machine.ends(place) ? CLOSED : undefined;
      const following = this.#machine.following(place);
      if (byte === BACKSLASH) return this.#machine.escapes && following.length > 0 ? this.#escape(place) : undefined;
      if (byte < 0x80) return contains(following, byte) ? this.#after(place, byte) : undefined;
      const prefix = leadByte(byte);
      return prefix && this.#inside(place, prefix, prefix.missing + 1);
    });
  }

  /** In a character of several bytes. */
  #inside(place: number, prefix: Utf8Prefix, length: number): Terminal | undefined {
    const can = intersect(this.#machine.following(place), reachable(prefix, length));
    if (can.length === 0) return undefined;
    if (prefix.missing === 0) return this.#after(place, prefix.value);
    return this.#place(`${place} ${length} ${prefix.missing} ${prefix.value}`, 0, (byte) => {
      if (byte < 0x80 || byte > 0xbf) return undefined;
      const longer = { value: (prefix.value << 6) | (byte & 0x3f), missing: prefix.missing - 1 };
      return this.#inside(place, longer, length);
    });
  }

  #after(place: number, codePoint: number): Terminal {
    return this.#boundary(this.#machine.next(place, codePoint));
  }

  #escape(place: number): Terminal {
    return this.#place(`${place} \\`, 0, (byte) => {
      if (SHORT_ESCAPES.has(byte)) return this.#after(place, byte);
      return byte === U ? this.#hex(place, 0, false) : undefined;
    });
  }

  /** @param d True if the first digit was D: another above 7 would make a surrogate. */
  #hex(place: number, digits: number, d: boolean): Terminal {
    if (digits === 4) return this.#after(place, 0);
    return this.#place(`${place} u ${digits} ${d}`, 0, (byte) => {
      const digit = Number.parseInt(String.fromCharCode(byte), 16);
      if (Number.isNaN(digit) || (d && digits === 1 && digit > 7)) return undefined;
      return this.#hex(place, digits + 1, digits === 0 ? digit === D : d);
    });
  }

  #place(key: string | number, plainCharacters: number, step: (byte: number) => Terminal | undefined): Terminal {
    const known = this.#places.get(key);
    if (known) return known;
    const made = { step, plainCharacters, complete: false, open: true };
    this.#places.set(key, made);
    return made;
  }
}

const CLOSED: Terminal = { step: () => undefined, complete: true, open: false, plainCharacters: 0 };

/** Any text of so many characters. A place is how many there are. */
export class AnyText implements CharacterMachine {
  readonly start = 0;
  readonly escapes = true;
  readonly #characters: readonly CodePoints[];
  readonly #min: number;
  readonly #max: number;

  /** @param characters What may stand in a string as it is. @param max At least `min`; may be Infinity. */
  constructor(characters: readonly CodePoints[], min = 0, max = Infinity) {
    this.#characters = characters;
    this.#min = min;
    this.#max = max;
  }

  following(place: number): readonly CodePoints[] {
    return place < this.#max ? this.#characters : [];
  }

  next(place: number): number {
    // without a maximum nothing but the minimum has to be counted
    return this.#max === Infinity ? Math.min(place + 1, this.#min) : place + 1;
  }

  ends(place: number): boolean {
    return place >= this.#min;
  }

  plainCharacters(place: number): number {
    return this.#max - place;
  }
}

/** Any name but some. A place is a node of their trie, or that of all others. */
export class OtherName implements CharacterMachine {
  readonly start = 0;
  readonly escapes = false;
  readonly #characters: readonly CodePoints[];
  readonly #children: Map<number, number>[] = [new Map()];
  readonly #taken = new Set<number>();

  constructor(characters: readonly CodePoints[], taken: Iterable<string>) {
    this.#characters = characters;
    for (const name of taken) {
      let node = 0;
      for (const character of name) {
        const children = this.#children[node]!;
        let child = children.get(character.codePointAt(0)!);
        if (child === undefined) {
          child = this.#children.push(new Map()) - 1;
          children.set(character.codePointAt(0)!, child);
        }
        node = child;
      }
      this.#taken.add(node);
    }
  }

  following(): readonly CodePoints[] {
    return this.#characters;
  }

  next(place: number, codePoint: number): number {
    return this.#children[place]?.get(codePoint) ?? OTHER;
  }

  ends(place: number): boolean {
    return !this.#taken.has(place);
  }

  plainCharacters(): number {
    return Infinity;
  }
}

const OTHER = -1;
