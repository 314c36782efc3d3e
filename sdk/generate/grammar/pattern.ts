import type { CharacterMachine } from "./characters.ts";
import { parseRegex, type Regex } from "./regex.ts";
import { type CodePoints, intersect } from "./utf8.ts";

/** Bounds on a pattern, which may be hostile: positions in it, and states of its automaton. */
const MAX = { positions: 4096, states: 1024 };

/** Steps that may be spent on all patterns of a schema: some 200 ms. */
export class Work {
  #left = 1 << 22;

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new Error("the schema's patterns take too much work to follow");
  }
}

/**
 * The texts of a regular expression, as a finite automaton over characters of which every state can come to an end.
 * Sources: Thompson 1968 for the positions, Rabin and Scott 1959 for the sets of them.
 */
export class Pattern implements CharacterMachine {
  readonly start: number;
  readonly escapes = false;
  readonly #following: readonly (readonly CodePoints[])[];
  readonly #transitions: readonly ReadonlyMap<number, number>[];
  readonly #segments: readonly CodePoints[];
  readonly #accepting: readonly boolean[];

  private constructor(segments: readonly CodePoints[], { transitions, accepting }: Table) {
    const alive = endable(transitions, accepting);
    this.start = alive[0] ? 0 : DEAD;
    this.#segments = segments;
    this.#accepting = accepting;
    this.#transitions = transitions.map((to) => new Map([...to].filter(([, state]) => alive[state])));
    this.#following = this.#transitions.map((to) => [...to.keys()].sort((a, b) => a - b).map((i) => segments[i]!));
  }

  /**
   * @param characters That may stand in the text.
   * @param work What is left for it.
   * @returns undefined where no text of them matches.
   * @throws {Error} with the reason, for a pattern that is not supported.
   */
  static of(pattern: string, characters: readonly CodePoints[], work: Work): Pattern | undefined {
    const network = new Network(parseRegex(pattern), characters, work);
    const segments = network.segments();
    const machine = new Pattern(segments, table(network, segments, work));
    return machine.start === DEAD ? undefined : machine;
  }

  following(place: number): readonly CodePoints[] {
    return this.#following[place]!;
  }

  next(place: number, codePoint: number): number {
    let [low, high] = [0, this.#segments.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]![1] < codePoint) low = middle + 1;
      else high = middle;
    }
    return this.#transitions[place]!.get(low)!;
  }

  ends(place: number): boolean {
    return this.#accepting[place]!;
  }

  plainCharacters(): number {
    return 0;
  }
}

const DEAD = -1;

/** Positions in a regular expression: a character leads from one to another, or nothing does. */
class Network {
  readonly end: number;
  readonly start: number;
  readonly #characters: readonly CodePoints[];
  readonly #sets: ({ readonly ranges: readonly CodePoints[]; readonly to: number } | undefined)[] = [];
  readonly #free: number[][] = [];
  readonly #work: Work;

  constructor(regex: Regex, characters: readonly CodePoints[], work: Work) {
    this.#characters = characters;
    this.#work = work;
    this.end = this.#position();
    this.start = this.#before(regex, this.end);
  }

  /** The position from which a regular expression leads to another position. */
  #before(regex: Regex, to: number): number {
    switch (regex.kind) {
      case "set": {
        const at = this.#position();
        const ranges = intersect(regex.ranges, this.#characters);
        this.#work.spend(regex.ranges.length + this.#characters.length);
        this.#sets[at] = { ranges, to };
        return at;
      }
      case "sequence":
        return regex.of.reduceRight((next, part) => this.#before(part, next), to);
      case "choice":
        return this.#position(...regex.of.map((part) => this.#before(part, to)));
      case "repeat": {
        let at = to;
        if (regex.max === Infinity) {
          at = this.#position(to);
          this.#free[at]!.push(this.#before(regex.of, at));
        }
        for (let i = regex.min; i < regex.max && regex.max !== Infinity; i++) {
          at = this.#position(to, this.#before(regex.of, at));
        }
        for (let i = 0; i < regex.min; i++) at = this.#before(regex.of, at);
        return at;
      }
    }
  }

  #position(...free: number[]): number {
    if (this.#free.length >= MAX.positions) throw new Error(`it has more than ${MAX.positions} positions`);
    this.#free.push(free);
    return this.#free.length - 1;
  }

  /** Positions with a set, or the end, that can be reached without a character: ascending. */
  reach(from: Iterable<number>): number[] {
    const seen = new Set(from);
    for (const at of seen) {
      this.#work.spend(1 + this.#free[at]!.length);
      for (const to of this.#free[at]!) seen.add(to);
    }
    return [...seen].filter((at) => at === this.end || this.#sets[at]).sort((a, b) => a - b);
  }

  /** The characters of all sets, cut so finely that each set takes a segment as a whole or not at all. */
  segments(): CodePoints[] {
    const cuts = new Set<number>();
    for (const set of this.#sets) {
      for (const [first, last] of set?.ranges ?? []) cuts.add(first).add(last + 1);
    }
    const borders = [...cuts].sort((a, b) => a - b);
    return borders.slice(1).map((next, i) => [borders[i]!, next - 1]);
  }

  /** Where a position's set leads, and the segments that it takes. */
  set(
    at: number,
    segments: readonly CodePoints[],
  ): { readonly to: number; readonly taken: readonly number[] } | undefined {
    const set = this.#sets[at];
    if (!set) return undefined;
    const taken: number[] = [];
    let range = 0;
    for (const [i, [first]] of segments.entries()) {
      while (range < set.ranges.length && set.ranges[range]![1] < first) range++;
      if (range < set.ranges.length && set.ranges[range]![0] <= first) taken.push(i);
    }
    return { to: set.to, taken };
  }
}

interface Table {
  /** For each state: segment to state. */
  readonly transitions: readonly ReadonlyMap<number, number>[];
  readonly accepting: readonly boolean[];
}

/** The states of a network: sets of its positions. */
function table(network: Network, segments: readonly CodePoints[], work: Work): Table {
  const sets = new Map<number, ReturnType<Network["set"]>>();
  const setOf = (at: number) => {
    if (!sets.has(at)) {
      work.spend(segments.length);
      sets.set(at, network.set(at, segments));
    }
    return sets.get(at);
  };
  const numbers = new Map<string, number>();
  const states: (readonly number[])[] = [];
  const number = (positions: readonly number[]) => {
    const key = positions.join(" ");
    let n = numbers.get(key);
    if (n === undefined) {
      if (states.length >= MAX.states) throw new Error(`it needs more than ${MAX.states} states`);
      n = states.push(positions) - 1;
      numbers.set(key, n);
    }
    return n;
  };
  number(network.reach([network.start]));
  const transitions: Map<number, number>[] = [];
  for (let n = 0; n < states.length; n++) {
    const targets = new Map<number, Set<number>>();
    for (const at of states[n]!) {
      const set = setOf(at);
      work.spend(1 + (set?.taken.length ?? 0));
      for (const segment of set?.taken ?? []) {
        const to = targets.get(segment);
        if (to) to.add(set!.to);
        else targets.set(segment, new Set([set!.to]));
      }
    }
    // segments that lead to the same positions are followed once
    const reached = new Map<string, number>();
    const to = new Map<number, number>();
    for (const [segment, positions] of targets) {
      const key = [...positions].sort((a, b) => a - b).join(" ");
      work.spend(positions.size);
      let state = reached.get(key);
      if (state === undefined) {
        state = number(network.reach(positions));
        reached.set(key, state);
      }
      to.set(segment, state);
    }
    transitions.push(to);
  }
  return { transitions, accepting: states.map((positions) => positions.includes(network.end)) };
}

/** The states from which an accepting one can be reached. */
function endable(transitions: readonly ReadonlyMap<number, number>[], accepting: readonly boolean[]): boolean[] {
  const alive = [...accepting];
  const sources: number[][] = alive.map(() => []);
  for (const [from, to] of transitions.entries()) for (const state of to.values()) sources[state]!.push(from);
  const open = alive.flatMap((yes, state) => yes ? [state] : []);
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const from of sources[state]!) {
      if (alive[from]) continue;
      alive[from] = true;
      open.push(from);
    }
  }
  return alive;
}
