/** What the tests of constrained answers share: the embedded model's vocabulary, and texts written under a schema. */
import { Automaton } from "../../../sdk/generate/grammar/automaton.ts";
import { Grammar, has } from "../../../sdk/generate/grammar/grammar.ts";
import { JsonWriter, rulesOf } from "../../../sdk/generate/grammar/rules.ts";
import { readSchema } from "../../../sdk/generate/grammar/schema.ts";
import { TokenTrie } from "../../../sdk/generate/grammar/token_trie.ts";
import type { Random } from "../../../sdk/generate/random.ts";
import { Tokenizer } from "../../../sdk/text/tokenizer.ts";
import type { CodePoints } from "../../../sdk/generate/grammar/utf8.ts";
import { nanoTokenizerData } from "../../text/nano.ts";

/** What can stand in a JSON string as it is. */
export const CHARACTERS: readonly CodePoints[] = [[0x20, 0x21], [0x23, 0x5b], [0x5d, 0xd7ff], [0xe000, 0x10ffff]];
const encoder = new TextEncoder();

/** The automaton of a schema, whose strings may have any characters if not said otherwise. */
export function automatonOf(schema: unknown, characters = CHARACTERS): Automaton<unknown> {
  const writer = new JsonWriter(characters);
  return new Automaton(rulesOf(readSchema(schema, writer), writer));
}

/** Follows texts byte by byte. "whole": one of the schema; "begun": the beginning of one; "wrong": neither. */
export function judge(schema: unknown): (text: string) => "whole" | "begun" | "wrong" {
  const automaton = automatonOf(schema);
  return (text) => {
    let state = automaton.start;
    for (const byte of encoder.encode(text)) {
      const next = automaton.step(state, byte);
      if (!next) return "wrong";
      state = next;
    }
    return state.complete ? "whole" : "begun";
  };
}

const data = await nanoTokenizerData();
if (!data) throw new Error("the embedded model's tokenizer is not there");
export const TOKENIZER = new Tokenizer(data);
export const VOCABULARY = new TokenTrie(TOKENIZER);

const IDS = Array.from({ length: VOCABULARY.vocabularySize }, (_, id) => id);
const PLAIN = new Set(VOCABULARY.plainIds);

/** A grammar of a schema over the embedded model's vocabulary. */
export function grammarOf(schema: unknown, vocabulary = VOCABULARY): Grammar {
  const writer = new JsonWriter(vocabulary.characters);
  const shape = readSchema(schema, writer);
  return new Grammar(vocabulary, () => rulesOf(shape, writer));
}

/**
 * Chooses tokens by chance among those that may follow, half of the time among those that are not plain text, so that strings
 * end.
 *
 * @returns the text, undefined if it was not whole after so many tokens.
 * @throws {Error} where a text that is not whole cannot go on.
 */
export function writeByChance(grammar: Grammar, random: Random, maxTokens: number): string | undefined {
  let state = grammar.start;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let i = 0; i < maxTokens; i++) {
    const mask = grammar.mask(state);
    const allowed = IDS.filter((id) => has(mask, id));
    if (allowed.length === 0 && !state.complete) throw new Error(`${JSON.stringify(text)} cannot go on`);
    const others = allowed.filter((id) => !PLAIN.has(id));
    const from = others.length > 0 && random.uniform() < 0.5 ? others : allowed;
    const id = from[Math.floor(random.uniform() * from.length)];
    if (id === undefined || VOCABULARY.endIds.has(id)) return text + decoder.decode();
    state = grammar.after(state, id);
    text += decoder.decode(TOKENIZER.tokenBytes(id), { stream: true });
    if (state.complete && state.stacks.length === 0) return text + decoder.decode();
  }
  return undefined;
}
