/** Masks against the plain way: every token of the vocabulary tried byte by byte. */
import assert from "node:assert/strict";
import { has } from "../../../sdk/generate/grammar/grammar.ts";
import { TokenTrie } from "../../../sdk/generate/grammar/token_trie.ts";
import { Tokenizer } from "../../../sdk/text/tokenizer.ts";
import { tinyData } from "../../text/tiny.ts";
import { automatonOf, grammarOf, TOKENIZER, VOCABULARY } from "./grammar.ts";

const SCHEMAS: readonly unknown[] = [
  { type: "object" },
  { type: "object", properties: { a: { type: "string", maxLength: 7 }, b: { type: "integer" } }, required: ["b"] },
  { type: "array", items: { type: "string", pattern: "^[A-Z][a-zé ]*$" } },
  {
    anyOf: [{ enum: ["the cat", "groundation", "ationment", 12, 123] }, { type: "string", maxLength: 3 }, {
      type: "null",
    }],
  },
  { type: "object", properties: { the: { type: "number", minimum: -3, maximum: 41 } }, additionalProperties: true },
];
/** Texts that some of the schemas allow as a beginning. */
const BEGINNINGS = [
  ...[
    "",
    "{",
    '{"',
    '{"a',
    '{"a":',
    '{"a": "',
    '{"a": "dog',
    '{"a": "dog abc',
    '{"a": "dog abcd',
    '{"a":"\\',
    '{"a":"\\u',
  ],
  ...[
    '{"b":',
    '{"b":-',
    '{"b":12',
    '{"the":',
    '{"the": 4',
    '{"the":41',
    '{"the":1,"the',
    '{"the":1,"thes',
    '["',
    '["Z',
  ],
  ...[
    '["Zo ',
    '["Z",',
    '["Z", ',
    '"',
    '"the',
    '"the cat',
    "12",
    "123",
    '"ab',
    '"abc',
    "n",
    '{"a":"x","b":1',
    '{"x":[{',
  ],
];
const encoder = new TextEncoder();
const IDS = Array.from({ length: VOCABULARY.vocabularySize }, (_, id) => id);
const ID_OF_BYTE = new Map(
  IDS.filter((id) => TOKENIZER.tokenBytes(id).length === 1).map((id) => [TOKENIZER.tokenBytes(id)[0]!, id]),
);

Deno.test("Grammar.mask() has exactly the tokens whose bytes may follow", () => {
  const tokens = IDS.map((id) => TOKENIZER.tokenBytes(id));
  let masks = 0;
  for (const schema of SCHEMAS) {
    const grammar = grammarOf(schema);
    const automaton = automatonOf(schema, VOCABULARY.characters);
    for (const beginning of BEGINNINGS) {
      const bytes = encoder.encode(beginning);
      const follow = (from: typeof automaton.start | undefined, bytes: Uint8Array) =>
        bytes.reduce((state: typeof from, byte) => state && automaton.step(state, byte), from);
      const reached = follow(automaton.start, bytes);
      if (!reached) continue;
      const state = bytes.reduce((state, byte) => grammar.after(state, idOfByte(byte)), grammar.start);
      const mask = grammar.mask(state);
      for (const [id, token] of tokens.entries()) {
        const ends = VOCABULARY.endIds.has(id);
        const want = ends ? reached.complete : token.length > 0 && follow(reached, token) !== undefined;
        if (has(mask, id) !== want) assert.fail(`${JSON.stringify(schema)}: ${beginning} + [${token}], token ${id}`);
      }
      masks++;
    }
  }
  assert.ok(masks > 40, `${masks} masks`);
});

function idOfByte(byte: number): number {
  const id = ID_OF_BYTE.get(byte);
  if (id === undefined) throw new Error(`no token for byte ${byte}`);
  return id;
}

Deno.test("Grammar.mask() lets bytes of a character follow each other only as UTF-8", () => {
  const grammar = grammarOf({ type: "string" });
  const lead = [0xe2, 0xe3, 0xd0].find((byte) => ID_OF_BYTE.has(byte))!;
  const begun = grammar.after(grammar.after(grammar.start, idOfByte(0x22)), idOfByte(lead));
  const mask = grammar.mask(begun);
  for (const [byte, id] of ID_OF_BYTE) assert.equal(has(mask, id), byte >= 0x80 && byte <= 0xbf, `byte ${byte}`);
  assert.ok([...VOCABULARY.endIds].every((id) => !has(mask, id)));
});

Deno.test("TokenTrie refuses a vocabulary in which JSON cannot be written", () => {
  assert.throws(() => new TokenTrie(new Tokenizer(tinyData())), { code: "file_unsupported", param: "responseFormat" });
});
