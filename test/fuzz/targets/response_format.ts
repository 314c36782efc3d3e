/** JSON Schemas: refused by their keyword, or texts that they allow are JSON of the schema, by Ajv's judgement. */
import assert from "node:assert/strict";
import { Ajv2020 } from "npm:ajv@8.17.1/dist/2020.js";
import { Grammar, has } from "../../../sdk/generate/grammar/grammar.ts";
import { JsonWriter, rulesOf } from "../../../sdk/generate/grammar/rules.ts";
import { readSchema } from "../../../sdk/generate/grammar/schema.ts";
import { TokenTrie } from "../../../sdk/generate/grammar/token_trie.ts";
import { Tokenizer } from "../../../sdk/text/tokenizer.ts";
import { fullData } from "../full_vocabulary.ts";
import { jsonSeed, jsonText } from "../json_taker.ts";
import { orRefusalNow, type Target } from "../target.ts";

const KEYS =
  ("type enum const properties required additionalProperties items prefixItems minItems maxItems minLength " +
    "maxLength pattern format minimum maximum multipleOf exclusiveMinimum exclusiveMaximum anyOf oneOf allOf $ref $defs " +
    "title description default not if a b __proto__").split(" ");
const TEXTS =
  ("string number integer object array boolean null # #/$defs/a #/properties/a a b date date-time uuid email " +
    "^[a-z]{2,5}$ a|b \\d+(\\.\\d+)? [^x]* (a?b+)*c").split(" ");
const TOKENIZER = new Tokenizer(fullData("smollm"));
const VOCABULARY = new TokenTrie(TOKENIZER);
const MAX_TOKENS = 60;
const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, addUsedSchema: false });

/** A text that the grammar allows, its tokens chosen by bytes; undefined if it is not whole in the end. */
function written(grammar: Grammar, choices: Uint8Array): string | undefined {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [state, text] = [grammar.start, ""];
  for (let i = 0; i < MAX_TOKENS; i++) {
    const mask = grammar.mask(state);
    const first = choices[i % choices.length]! * 7 + i;
    let id: number | undefined;
    for (let k = 0; k < VOCABULARY.vocabularySize && id === undefined; k++) {
      const candidate = (first + k) % VOCABULARY.vocabularySize;
      if (has(mask, candidate)) id = candidate;
    }
    if (id === undefined) {
      assert.ok(state.complete, `${JSON.stringify(text)} cannot go on`);
      return text + decoder.decode();
    }
    if (VOCABULARY.endIds.has(id)) return text + decoder.decode();
    state = grammar.after(state, id);
    text += decoder.decode(TOKENIZER.tokenBytes(id), { stream: true });
  }
  return undefined;
}

export const target: Target = {
  seeds: [
    {
      type: "object",
      properties: { a: { type: "string" }, b: { type: "integer", minimum: 3, maximum: 12 } },
      required: ["a"],
    },
    { type: "array", prefixItems: [{ const: 1 }], items: { type: "boolean" }, minItems: 1, maxItems: 3 },
    {
      anyOf: [{ type: "null" }, { enum: ["a", 1, { b: [] }] }, {
        type: "number",
        exclusiveMinimum: 0.5,
        multipleOf: 3,
      }],
    },
    {
      oneOf: [{ type: "object", properties: { a: { const: "x" } }, required: ["a"] }, { type: "string", maxLength: 4 }],
    },
    { $defs: { a: { type: "array", items: { $ref: "#/$defs/a" }, maxItems: 2 } }, $ref: "#/$defs/a" },
    { type: "string", pattern: "^(a|bc)+[^x-z]\\d{2,3}$" },
    { type: ["string", "null"], format: "date" },
    { type: "object", properties: {}, additionalProperties: { type: "integer" } },
    true,
  ].map(jsonSeed),
  words: [...KEYS, ...TEXTS].map((word) => JSON.stringify(word)),
  maxBytes: 768,
  run(input) {
    const schema = jsonOrNothing(jsonText(input, KEYS, TEXTS));
    if (schema === undefined) return;
    const writer = new JsonWriter(VOCABULARY.characters);
    const grammar = orRefusalNow(() => {
      const shape = readSchema(schema, writer);
      return new Grammar(VOCABULARY, () => rulesOf(shape, writer));
    });
    if (!grammar || input.length === 0) return;
    const text = orRefusalNow(() => written(grammar, input));
    if (text === undefined) return;
    const value = JSON.parse(text);
    let validate;
    try {
      validate = ajv.compile(schema as object);
    } catch {
      // what only this reader takes, such as keywords of earlier drafts
      return;
    }
    // it keeps all that it has compiled
    if (typeof schema === "object") ajv.removeSchema(schema as object);
    assert.ok(validate(value), `${text} is not of ${JSON.stringify(schema)}: ${ajv.errorsText(validate.errors)}`);
  },
};

function jsonOrNothing(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
