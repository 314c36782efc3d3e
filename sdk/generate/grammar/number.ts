import type { Terminal } from "./automaton.ts";

/** Which numbers are wanted. */
export interface NumberBounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly exclusiveMin?: number | undefined;
  readonly exclusiveMax?: number | undefined;
  /** Numbers must be multiples of it: a whole number from 1; any number if left out. */
  readonly multipleOf?: number | undefined;
}

/** A double tells decimals of so many digits apart, and gives them back (DBL_DIG). */
const DIGITS = 15;
/** Numbers are counted in units of 10^-15. */
const UNIT = 10n ** BigInt(DIGITS);

/**
 * Decimal numbers within bounds, of at most 15 digits and without an exponent, so that a reader with doubles sees what is
 * written. Exact: after each digit some number within the bounds can be reached.
 *
 * @returns undefined where there is none.
 */
export function decimal(bounds: NumberBounds): Terminal | undefined {
  const start = new Decimal(new Limits(bounds), "", new Map());
  return start.open ? start : undefined;
}

/** Bounds in units, and the places before the point that a number may have. */
class Limits {
  readonly whole: boolean;
  readonly #least: bigint;
  readonly #most: bigint;
  readonly #multiple: bigint;

  constructor({ min, max, exclusiveMin, exclusiveMax, multipleOf }: NumberBounds) {
    const farthest = UNIT * UNIT - 1n;
    const least = [-farthest];
    if (min !== undefined) least.push(units(min).up);
    if (exclusiveMin !== undefined) least.push(units(exclusiveMin).down + 1n);
    const most = [farthest];
    if (max !== undefined) most.push(units(max).down);
    if (exclusiveMax !== undefined) most.push(units(exclusiveMax).up - 1n);
    this.#least = least.reduce((a, b) => a > b ? a : b);
    this.#most = most.reduce((a, b) => a < b ? a : b);
    this.whole = multipleOf !== undefined;
    this.#multiple = BigInt(multipleOf ?? 0) * UNIT;
  }

  /** The finest step of numbers with so many digits before the point. */
  grid(digits: number): bigint {
    return this.whole ? this.#multiple : 10n ** BigInt(digits);
  }

  /** True if a number of the grid lies from `first` to `last` and within the bounds. */
  reach(first: bigint, last: bigint, grid: bigint): boolean {
    const low = first > this.#least ? first : this.#least;
    const high = last < this.#most ? last : this.#most;
    return floorDivide(high, grid) * grid >= low;
  }
}

/** What of a number is written. */
class Decimal implements Terminal {
  readonly complete: boolean;
  readonly open: boolean;
  readonly plainCharacters = 0;
  readonly #limits: Limits;
  readonly #text: string;
  readonly #known: Map<string, Decimal | undefined>;

  constructor(limits: Limits, text: string, known: Map<string, Decimal | undefined>) {
    this.#limits = limits;
    this.#text = text;
    this.#known = known;
    this.complete = isComplete(limits, text);
    this.open = NEXT.some((c) => canReach(limits, text + c));
  }

  step(byte: number): Decimal | undefined {
    const text = this.#text + String.fromCharCode(byte);
    if (!this.#known.has(text)) {
      const right = canReach(this.#limits, text);
      this.#known.set(text, right ? new Decimal(this.#limits, text, this.#known) : undefined);
    }
    return this.#known.get(text);
  }
}

const NEXT = [..."-.0123456789"];
const PREFIX = /^(-?)(0|[1-9][0-9]*|)(\.([0-9]*))?$/;

interface Parts {
  readonly negative: boolean;
  readonly before: string;
  readonly after: string | undefined;
}

function parts(text: string): Parts | undefined {
  const match = PREFIX.exec(text);
  if (!match) return undefined;
  const [, sign, before, point, after] = match;
  if (point !== undefined && before === "") return undefined;
  // a point must leave room for a digit behind it
  if (before!.length + Math.max(after?.length ?? 0, point === undefined ? 0 : 1) > DIGITS) return undefined;
  return { negative: sign === "-", before: before!, after: point === undefined ? undefined : after! };
}

/** True if the text is a number, and within the bounds. */
function isComplete(limits: Limits, text: string): boolean {
  const p = parts(text);
  if (!p || p.before === "" || p.after === "") return false;
  const value = written(p);
  return spans(limits, p, value, value, limits.grid(1));
}

/** True if the text is the beginning of a number within the bounds, or such a number. */
function canReach(limits: Limits, text: string): boolean {
  const p = parts(text);
  if (!p) return false;
  const { before, after } = p;
  if (after !== undefined) {
    if (limits.whole) return false;
    const first = written(p);
    return spans(limits, p, first, first + 10n ** BigInt(DIGITS - after.length) - 1n, limits.grid(before.length));
  }
  if (before === "") {
    for (let digits = 1; digits <= DIGITS; digits++) {
      if (spans(limits, p, 0n, 10n ** BigInt(digits) * UNIT - 1n, limits.grid(digits))) return true;
    }
    return false;
  }
  const value = BigInt(before);
  // no digit follows a leading zero
  const most = before === "0" ? 0 : DIGITS - before.length;
  for (let more = 0; more <= most; more++) {
    const scale = 10n ** BigInt(more) * UNIT;
    if (spans(limits, p, value * scale, (value + 1n) * scale - 1n, limits.grid(before.length + more))) return true;
  }
  return false;
}

function spans(limits: Limits, { negative }: Parts, first: bigint, last: bigint, grid: bigint): boolean {
  return negative ? limits.reach(-last, -first, grid) : limits.reach(first, last, grid);
}

/** What is written, in units. */
function written({ before, after = "" }: Parts): bigint {
  return BigInt(before + after.padEnd(DIGITS, "0"));
}

/** A number in units, rounded both ways: by its shortest decimal form, which is what a reader compares with. */
function units(value: number): { readonly down: bigint; readonly up: bigint } {
  const [digits, exponent = "0"] = String(value).split("e") as [string, string?];
  const [before, after = ""] = digits.split(".") as [string, string?];
  const shift = DIGITS + Number(exponent) - after.length;
  const scaled = BigInt(before + after);
  if (shift >= 0) {
    const exact = scaled * 10n ** BigInt(shift);
    return { down: exact, up: exact };
  }
  const divisor = 10n ** BigInt(-shift);
  const down = floorDivide(scaled, divisor);
  return { down, up: down * divisor === scaled ? down : down + 1n };
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b > a ? quotient - 1n : quotient;
}
