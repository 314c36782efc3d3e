import { Automaton, type State, type Symbols, type Terminal, tooMany } from "./automaton.ts";
import type { TokenTrie, Trie } from "./token_trie.ts";

/** Tokens that may follow: bit id % 32 of word id / 32. */
export type TokenMask = Uint32Array;
export type GrammarState = State<TokenMask>;

/** Masks that are kept: some KiB each. */
const MAX_MASKS = 512;
/** What an automaton keeps before it is made anew: some 6 MB. */
const MAX_KEPT = 1 << 14;
/** New steps for one token, so that no schema stops everyone else or fills the memory: some 50 ms and 10 MB. */
const MAX_STEPS = 1 << 15;

/** A grammar over a vocabulary: which tokens may follow a text so far. */
export class Grammar {
  readonly #start: () => Symbols;
  readonly #vocabulary: TokenTrie;
  #automaton: Automaton<TokenMask>;
  /** States with a mask, the one made longest ago first. */
  #masked: GrammarState[] = [];
  /** States on the way through a trie, by depth. */
  #way: GrammarState[] = [];

  /**
   * @param start Makes the grammar's symbols; they keep what was found about them, and are made anew when that is much.
   * @throws {LorisError} `argument_invalid` for one with too many ways to begin.
   */
  constructor(vocabulary: TokenTrie, start: () => Symbols) {
    this.#vocabulary = vocabulary;
    this.#start = start;
    this.#automaton = new Automaton(start());
  }

  /** Another one after all states were forgotten: older ones must not be used any more. */
  get start(): GrammarState {
    return this.#automaton.start;
  }

  /** A measure of the bytes that it keeps. */
  get kept(): number {
    return this.#automaton.kept;
  }

  /** Forgets all states, if they have become many. */
  tidy(): void {
    if (this.kept <= MAX_KEPT) return;
    this.#automaton = new Automaton(this.#start());
    this.#masked = [];
    this.#way = [];
  }

  /** @returns the state after a token that may follow. */
  after(state: GrammarState, id: number): GrammarState {
    let after: GrammarState | undefined = state;
    for (const byte of this.#vocabulary.tokenBytes(id)) after = after && this.#automaton.step(after, byte);
    if (!after) throw new RangeError(`the token ${id} may not follow`);
    return after;
  }

  /**
   * Tokens that may follow; tokens that end an answer where the text is complete. At least one, unless the text can only end.
   *
   * @throws {LorisError} `argument_invalid` for a schema that takes too much work here.
   */
  mask(state: GrammarState): TokenMask {
    if (state.mask) return state.mask;
    const { vocabularySize, endIds, plain, other } = this.#vocabulary;
    const mask = new Uint32Array(Math.ceil(vocabularySize / 32));
    const limit = this.#automaton.steps + MAX_STEPS;
    if (state.complete) { for (const id of endIds) add(mask, id); }
    this.#walk(state, other, mask, limit);
    const room = Math.max(0, ...state.tops.map((top) => top.plainCharacters));
    if (room > 0) this.#addPlain(mask, room);
    // inside of a string plain tokens are known by their lengths; what is not there has to try them
    const tried = (top: Terminal) => top.plainCharacters === 0;
    const rest = room === 0 ? state : this.#automaton.part(state, tried);
    this.#walk(rest, plain, mask, limit);
    state.mask = mask;
    this.#masked.push(state);
    if (this.#masked.length > MAX_MASKS) this.#masked.shift()!.mask = undefined;
    return mask;
  }

  #addPlain(mask: TokenMask, characters: number): void {
    const { plainIds, plainCharacters } = this.#vocabulary;
    // tokens of 255 characters and more may be longer than is known
    const most = characters === Infinity ? Infinity : Math.min(characters, 254);
    for (let i = 0; i < plainIds.length; i++) if (plainCharacters[i]! <= most) add(mask, plainIds[i]!);
  }

  /** Adds the tokens of a trie that may follow. */
  #walk(from: GrammarState, { bytes, depths, ends, tokens, ids }: Trie, mask: TokenMask, limit: number): void {
    if (from.stacks.length === 0) return;
    const way = this.#way;
    const automaton = this.#automaton;
    way[0] = from;
    for (let node = 0; node < bytes.length;) {
      const depth = depths[node]!;
      const state = automaton.step(way[depth]!, bytes[node]!);
      if (!state) {
        node = ends[node]!;
        continue;
      }
      if (automaton.steps > limit) throw tooMany("takes too much work for one token");
      way[depth + 1] = state;
      for (let i = tokens[node]!; i < tokens[node + 1]!; i++) add(mask, ids[i]!);
      node++;
    }
  }
}

function add(mask: TokenMask, id: number): void {
  mask[id >> 5]! |= 1 << (id & 31);
}

/** True if a mask has a token. */
export function has(mask: TokenMask, id: number): boolean {
  return (mask[id >> 5]! >>> (id & 31) & 1) === 1;
}
