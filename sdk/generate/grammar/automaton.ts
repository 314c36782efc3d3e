import { LorisError } from "../../errors.ts";

/** A part of a text that is followed byte by byte. Equal ones are one object, so that what comes of them is known again. */
export interface Terminal {
  /** What it is after a byte, or undefined where the byte cannot follow. */
  step(byte: number): Terminal | undefined;
  /** True if it may end here. Never at its beginning: an empty part is a rule without symbols. */
  readonly complete: boolean;
  /** True if it may go on. */
  readonly open: boolean;
  /** Any so many characters of plain text may follow (see `TokenTrie`); 0 where bytes have to be tried. */
  readonly plainCharacters: number;
}

/** Symbols that may stand in a rule's place, one sequence of several; worked out when they are first needed. */
export class Rule {
  readonly #make: () => readonly (readonly Symbols[])[];
  #alternatives: readonly (readonly Symbols[])[] | undefined;

  constructor(make: () => readonly (readonly Symbols[])[]) {
    this.#make = make;
  }

  get alternatives(): readonly (readonly Symbols[])[] {
    return this.#alternatives ??= this.#make();
  }
}

/** What a text is made of. */
export type Symbols = Terminal | Rule;

/** What is still to come, the next symbol on top. Equal stacks are one object. */
class Stack<Mask> {
  readonly id: number;
  readonly top: Symbols;
  readonly below: Stack<Mask> | undefined;
  readonly above = new Map<Symbols, Stack<Mask>>();
  /** The state of a text that can go on with this stack alone. */
  alone: State<Mask> | undefined;

  constructor(id: number, top: Symbols, below: Stack<Mask> | undefined) {
    this.id = id;
    this.top = top;
    this.below = below;
  }
}

/** All ways in which a text so far may go on. */
export class State<Mask> {
  readonly stacks: readonly Stack<Mask>[];
  /** True if the text may end here. */
  readonly complete: boolean;
  /** What is known of the tokens that may follow. */
  mask: Mask | undefined;
  readonly next = new Map<number, State<Mask> | undefined>();

  constructor(stacks: readonly Stack<Mask>[], complete: boolean) {
    this.stacks = stacks;
    this.complete = complete;
  }

  /** The parts that a next byte may go on with. */
  get tops(): Terminal[] {
    return this.stacks.map(({ top }) => top as Terminal);
  }
}

/** Stacks that a text can have at once: more come of a schema of which most alternatives look the same for long. */
const MAX_STACKS = 1024;

/**
 * A pushdown automaton over bytes that follows all ways of a grammar at once, and keeps what it has found: after a while it
 * steps from state to state like a finite one. Source of stacks as sets: llama.cpp's `llama-grammar`, and Tomita 1985 on
 * shared stacks.
 */
export class Automaton<Mask> {
  readonly start: State<Mask>;
  readonly #ground = new Map<Symbols, Stack<Mask>>();
  readonly #states = new Map<string, State<Mask>>();
  #stacks = 0;
  #kept = 0;
  #steps = 0;

  constructor(start: Symbols) {
    const into = new Set<Stack<Mask>>();
    const complete = this.#expand(this.#push(undefined, start), into);
    this.start = this.#state(into, complete);
  }

  /** States, their stacks, and about as many terminals that are kept for later: a measure of its bytes. */
  get kept(): number {
    return this.#kept;
  }

  /** Steps of stacks that were new: the work done. */
  get steps(): number {
    return this.#steps;
  }

  /** @returns undefined where the byte cannot follow. */
  step(from: State<Mask>, byte: number): State<Mask> | undefined {
    const known = from.next.get(byte);
    if (known !== undefined || from.next.has(byte)) return known;
    const into = new Set<Stack<Mask>>();
    let complete = false;
    for (const stack of from.stacks) {
      this.#steps++;
      const top = (stack.top as Terminal).step(byte);
      if (!top) continue;
      if (top.open) into.add(this.#push(stack.below, top));
      if (top.complete) complete = this.#expand(stack.below, into) || complete;
    }
    const to = into.size > 0 || complete ? this.#state(into, complete) : undefined;
    from.next.set(byte, to);
    return to;
  }

  /** The state with some of another's stacks. */
  part(of: State<Mask>, wanted: (top: Terminal) => boolean): State<Mask> {
    return this.#state(new Set(of.stacks.filter(({ top }) => wanted(top as Terminal))), false);
  }

  #push(below: Stack<Mask> | undefined, top: Symbols): Stack<Mask> {
    const above = below?.above ?? this.#ground;
    let stack = above.get(top);
    if (!stack) {
      stack = new Stack(this.#stacks++, top, below);
      above.set(top, stack);
      this.#kept++;
    }
    return stack;
  }

  /** Adds the stacks with a terminal on top that come of one. @returns true if one of them is empty. */
  #expand(stack: Stack<Mask> | undefined, into: Set<Stack<Mask>>): boolean {
    if (!stack) return true;
    if (!(stack.top instanceof Rule)) {
      into.add(stack);
      if (into.size > MAX_STACKS) throw tooMany(`has more than ${MAX_STACKS} alternatives at once`);
      return false;
    }
    let complete = false;
    for (const symbols of stack.top.alternatives) {
      let to = stack.below;
      for (let i = symbols.length - 1; i >= 0; i--) to = this.#push(to, symbols[i]!);
      complete = this.#expand(to, into) || complete;
    }
    return complete;
  }

  #state(stacks: ReadonlySet<Stack<Mask>>, complete: boolean): State<Mask> {
    if (stacks.size === 1 && !complete) {
      // most states are such
      const [stack] = stacks;
      return stack!.alone ??= this.#made([stack!], false);
    }
    const sorted = [...stacks].sort((a, b) => a.id - b.id);
    const key = `${complete ? "." : ""}${sorted.map(({ id }) => id).join(" ")}`;
    let state = this.#states.get(key);
    if (!state) this.#states.set(key, state = this.#made(sorted, complete));
    return state;
  }

  #made(stacks: readonly Stack<Mask>[], complete: boolean): State<Mask> {
    this.#kept += 1 + stacks.length;
    return new State(stacks, complete);
  }
}

/** The refusal of a schema that takes too much work to follow. */
export function tooMany(what: string): LorisError {
  return new LorisError(
    "argument_invalid",
    `responseFormat: the schema ${what}; use fewer alternatives that begin the same way, or let a property with a const tell`,
    { param: "responseFormat" },
  );
}
