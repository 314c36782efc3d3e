import { Rule, type Symbols } from "./automaton.ts";
import { OtherName, StringBody } from "./characters.ts";
import { decimal } from "./number.ts";
import type { ArrayShape, ObjectShape, Shape } from "./shape.ts";
import type { CodePoints } from "./utf8.ts";
import { words } from "./words.ts";

/**
 * Writes a shape as rules. Between the signs of JSON there is no white space but, if the model likes, one space behind a colon
 * or a comma: small models are fond of spaces and never end.
 *
 * @param root Pruned: every value in it can be written.
 */
export function rulesOf(root: Shape, writer: JsonWriter): Symbols {
  return new Rules(writer).of(root);
}

/** Writes texts of JSON in the bytes that a vocabulary has. */
export class JsonWriter {
  /** Characters that can stand in a string as they are, ascending. */
  readonly characters: readonly CodePoints[];

  constructor(characters: readonly CodePoints[]) {
    this.characters = characters;
  }

  /** A value as JSON; characters that the vocabulary cannot write are escaped. */
  text(value: unknown): string {
    let text = "";
    for (const c of JSON.stringify(value)) {
      const code = c.codePointAt(0)!;
      text += code < 0x80 || this.characters.some(([first, last]) => code >= first && code <= last) ? c : escaped(c);
    }
    return text;
  }
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

class Rules {
  readonly #writer: JsonWriter;
  readonly #known = new Map<Shape, Symbols>();
  readonly #quote = words(['"']);
  readonly #colon = words([":"]);
  readonly #comma = words([","]);
  readonly #close = { object: words(["}"]), array: words(["]"]) };
  readonly #space: Rule;

  constructor(writer: JsonWriter) {
    this.#writer = writer;
    const space = words([" "]);
    this.#space = new Rule(() => [[], [space]]);
  }

  of(shape: Shape): Symbols {
    let symbols = this.#known.get(shape);
    if (!symbols) this.#known.set(shape, symbols = this.#make(shape));
    return symbols;
  }

  #make(shape: Shape): Symbols {
    switch (shape.kind) {
      case "texts":
        return words(shape.texts);
      case "number":
        return decimal(shape.bounds)!;
      case "string": {
        const body = new StringBody(shape.machine).start;
        return new Rule(() => [[this.#quote, body]]);
      }
      case "choice":
        return new Rule(() => shape.of.map((part) => [this.of(part)]));
      case "object": {
        const rest = this.#object(shape);
        const open = words(["{"]);
        return new Rule(() => [[open, rest(0, true)]]);
      }
      case "array": {
        const rest = this.#array(shape);
        const open = words(["["]);
        return new Rule(() => [[open, rest(0)]]);
      }
    }
  }

  /** The rest of an object: from which of its properties on, and whether there was none yet. */
  #object({ properties, others }: ObjectShape): (from: number, first: boolean) => Rule {
    const names = properties.map(({ name }) => words([`${this.#writer.text(name)}:`]));
    const otherName = new StringBody(new OtherName(this.#writer.characters, properties.map(({ name }) => name))).start;
    const known = new Map<string, Rule>();
    const rest = (from: number, first: boolean): Rule => {
      const key = `${from} ${first}`;
      let rule = known.get(key);
      if (!rule) known.set(key, rule = new Rule(() => alternatives(from, first)));
      return rule;
    };
    const alternatives = (from: number, first: boolean) => {
      const comma = first ? [] : [this.#comma, this.#space];
      const ways: Symbols[][] = [];
      for (let i = from; i < properties.length; i++) {
        const { shape, required } = properties[i]!;
        ways.push([...comma, names[i]!, this.#space, this.of(shape), rest(i + 1, false)]);
        // none is passed over that has to be there
        if (required) return ways;
      }
      if (others) {
        const other = [this.#quote, otherName, this.#colon, this.#space, this.of(others)];
        ways.push([...comma, ...other, rest(properties.length, false)]);
      }
      return [...ways, [this.#close.object]];
    };
    return rest;
  }

  /** The rest of an array: from which of its items on. */
  #array({ first, others, min, max }: ArrayShape): (from: number) => Rule {
    // from here on no item is like no other
    const last = max === Infinity ? Math.max(min, first.length, 1) : max;
    const known = new Map<number, Rule>();
    const rest = (from: number): Rule => {
      let rule = known.get(from);
      if (!rule) known.set(from, rule = new Rule(() => alternatives(from)));
      return rule;
    };
    const alternatives = (from: number) => {
      const ways: Symbols[][] = [];
      const shape = first[from] ?? others;
      if (from < max && shape) {
        const comma = from === 0 ? [] : [this.#comma, this.#space];
        ways.push([...comma, this.of(shape), rest(Math.min(from + 1, last))]);
      }
      if (from >= min) ways.push([this.#close.array]);
      return ways;
    };
    return rest;
  }
}
