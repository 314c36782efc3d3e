import { type CodePoints, complement, union } from "./utf8.ts";

/** A regular expression as a tree. */
export type Regex =
  | { readonly kind: "set"; readonly ranges: readonly CodePoints[] }
  | { readonly kind: "sequence" | "choice"; readonly of: readonly Regex[] }
  | { readonly kind: "repeat"; readonly of: Regex; readonly min: number; readonly max: number };

/** Any text: what stands before and behind a pattern that is not anchored. */
const ANYTHING: Regex = { kind: "repeat", of: { kind: "set", ranges: [[0, 0x10ffff]] }, min: 0, max: Infinity };

const DIGIT: readonly CodePoints[] = [[0x30, 0x39]];
const WORD: readonly CodePoints[] = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const SPACE = union(
  [0x9, 0xa, 0xb, 0xc, 0xd, 0x20, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff]
    .map((c): CodePoints => [c, c]).concat([[0x2000, 0x200a]]),
);
const LINE_ENDS = union([0xa, 0xd, 0x2028, 0x2029].map((c) => [c, c]));
const CLASSES: Readonly<Record<string, readonly CodePoints[]>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };
const MAX_DEPTH = 32;
const MAX_REPEAT = 1000;

/**
 * Reads a pattern of JSON Schema: ECMA-262's syntax in Unicode mode, without what a finite automaton cannot do (references
 * back), and without look-around, word borders, `\p` and anchors elsewhere than at the ends.
 *
 * @returns what all of a string must be: a pattern that is not anchored may stand anywhere in it.
 * @throws {Error} with the reason, for what is not read.
 */
export function parseRegex(pattern: string): Regex {
  // whatever is no pattern at all is told by the engine
  new RegExp(pattern, "u");
  const reader = new Reader(pattern);
  const of: Regex[] = [];
  do {
    const start = reader.take("^");
    const middle = reader.sequence(0);
    const end = reader.take("$");
    of.push({ kind: "sequence", of: [...start ? [] : [ANYTHING], middle, ...end ? [] : [ANYTHING]] });
  } while (reader.take("|"));
  if (!reader.done) throw new Error(`"${reader.rest}" is not supported at its place`);
  return { kind: "choice", of };
}

class Reader {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  get done(): boolean {
    return this.#at === this.#characters.length;
  }

  get rest(): string {
    return this.#characters.slice(this.#at, this.#at + 10).join("");
  }

  take(text: string): boolean {
    if (!this.#sees(text)) return false;
    this.#at += text.length;
    return true;
  }

  sequence(depth: number): Regex {
    const of: Regex[] = [];
    while (!this.done && !this.#sees("|") && !this.#sees(")") && !this.#sees("$")) of.push(this.#repeated(depth));
    return { kind: "sequence", of };
  }

  #sees(text: string): boolean {
    return [...text].every((c, i) => this.#characters[this.#at + i] === c);
  }

  #next(): string {
    return this.#characters[this.#at++]!;
  }

  #repeated(depth: number): Regex {
    let of = this.#atom(depth);
    for (;;) {
      const bounds = this.#quantifier();
      if (!bounds) return of;
      // a lazy one takes the same texts
      this.take("?");
      of = { kind: "repeat", of, ...bounds };
    }
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.take("*")) return { min: 0, max: Infinity };
    if (this.take("+")) return { min: 1, max: Infinity };
    if (this.take("?")) return { min: 0, max: 1 };
    if (!this.take("{")) return undefined;
    let text = "";
    while (!this.take("}")) text += this.#next();
    const [low, high] = text.split(",") as [string, string?];
    const min = Number(low);
    const max = high === undefined ? min : high === "" ? Infinity : Number(high);
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Infinity)) {
      throw new Error(`{${text}} is more than ${MAX_REPEAT} times`);
    }
    return { min, max };
  }

  #atom(depth: number): Regex {
    if (this.#sees("^")) throw new Error('"^" is supported at the beginning alone');
    if (this.take("(")) return this.#group(depth + 1);
    if (this.take("[")) return { kind: "set", ranges: this.#set() };
    if (this.take(".")) return { kind: "set", ranges: complement(LINE_ENDS) };
    return { kind: "set", ranges: this.take("\\") ? this.#escape() : single(this.#next()) };
  }

  #group(depth: number): Regex {
    if (depth > MAX_DEPTH) throw new Error(`it has groups more than ${MAX_DEPTH} deep`);
    if (this.take("?")) {
      if (this.#sees("=") || this.#sees("!") || this.#sees("<=") || this.#sees("<!")) {
        throw new Error("look-around is not supported");
      }
      if (this.take("<")) { while (!this.take(">")) this.#next(); }
      else if (!this.take(":")) throw new Error(`"(?${this.rest}" is not supported`);
    }
    const of: Regex[] = [];
    do of.push(this.sequence(depth)); while (this.take("|"));
    if (!this.take(")")) throw new Error('"$" is supported at the end alone');
    return { kind: "choice", of };
  }

  #set(): readonly CodePoints[] {
    const negated = this.take("^");
    const ranges: CodePoints[] = [];
    while (!this.take("]")) {
      const first = this.#member();
      if (this.#sees("-") && this.#characters[this.#at + 1] !== "]") {
        this.take("-");
        ranges.push([first[0]![0], this.#member().at(-1)![1]]);
      } else {
        ranges.push(...first);
      }
    }
    const all = union(ranges);
    return negated ? complement(all) : all;
  }

  #member(): readonly CodePoints[] {
    if (this.take("\\")) return this.take("b") ? [[8, 8]] : this.#escape();
    return single(this.#next());
  }

  /** What stands behind a backslash. */
  #escape(): readonly CodePoints[] {
    const c = this.#next();
    if (CLASSES[c]) return CLASSES[c];
    const control = CONTROLS[c];
    if (control !== undefined) return [[control, control]];
    if (c === "x") return this.#hex(2);
    if (c === "u") {
      if (!this.take("{")) return this.#hex(4);
      let digits = "";
      while (!this.take("}")) digits += this.#next();
      return code(digits);
    }
    if (/[A-Za-z0-9]/.test(c)) throw new Error(`"\\${c}" is not supported`);
    return single(c);
  }

  #hex(digits: number): readonly CodePoints[] {
    let text = "";
    while (text.length < digits) text += this.#next();
    return code(text);
  }
}

function single(character: string): readonly CodePoints[] {
  const value = character.codePointAt(0)!;
  return [[value, value]];
}

function code(hexDigits: string): readonly CodePoints[] {
  const value = Number.parseInt(hexDigits, 16);
  return [[value, value]];
}
