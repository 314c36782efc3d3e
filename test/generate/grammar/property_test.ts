/** Random schemas, texts by chance under their masks, and another's judgement of them: Ajv. */
import assert from "node:assert/strict";
import { Ajv2020 } from "npm:ajv@8.17.1/dist/2020.js";
import { Random } from "../../../sdk/generate/random.ts";
import { grammarOf, judge, writeByChance } from "./grammar.ts";

/** Schemas by chance. A seed gives the same ones everywhere. */
class Schemas {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  #below(n: number): number {
    return Math.floor(this.#random.uniform() * n);
  }

  #maybe<T>(name: string, make: () => T, chance = 0.4): Record<string, T> {
    return this.#random.uniform() < chance ? { [name]: make() } : {};
  }

  #list<T>(least: number, most: number, make: (i: number) => T): T[] {
    return Array.from({ length: least + this.#below(most - least + 1) }, (_, i) => make(i));
  }

  /** A schema with definitions that refer to each other. */
  whole(): Record<string, unknown> {
    return { ...this.#object(2), $defs: { tree: { ...this.#object(1), ...this.#tree() }, leaf: this.#leaf() } };
  }

  #tree(): Record<string, unknown> {
    return {
      type: "object",
      properties: { left: { $ref: "#/$defs/tree" }, leaf: { $ref: "#/$defs/leaf" } },
      required: ["leaf"],
    };
  }

  any(depth: number): unknown {
    if (depth === 0) return this.#leaf();
    const makers = [
      () => this.#object(depth),
      () => this.#object(depth),
      () => this.#array(depth),
      () => ({ anyOf: this.#list(1, 3, () => this.any(depth - 1)) }),
      () => ({ oneOf: this.#list(1, 3, (i) => this.#tagged(i, depth)) }),
      () => ({ $ref: ["#/$defs/tree", "#/$defs/leaf"][this.#below(2)] }),
      () => ({ type: ["null", "array"], items: this.any(depth - 1), maxItems: 2 }),
      () => this.#leaf(),
    ];
    return makers[this.#below(makers.length)]!();
  }

  #tagged(i: number, depth: number): unknown {
    return { type: "object", properties: { kind: { const: `k${i}` }, value: this.any(depth - 1) }, required: ["kind"] };
  }

  #object(depth: number): Record<string, unknown> {
    const names = ["a", "ab", "the name", 'q"é', "b"].filter(() => this.#below(2) === 0);
    const properties = Object.fromEntries(names.map((name) => [name, this.any(depth - 1)]));
    return {
      type: "object",
      properties,
      required: [...names, "other"].filter((name) => this.#below(name === "other" ? 6 : 2) === 0),
      ...this.#maybe("additionalProperties", () => this.any(0), 0.3),
    };
  }

  #array(depth: number): unknown {
    const min = this.#below(3);
    return {
      type: "array",
      ...this.#maybe("prefixItems", () => this.#list(1, 2, () => this.any(depth - 1))),
      ...this.#maybe("items", () => this.any(depth - 1), 0.8),
      ...this.#maybe("minItems", () => min),
      ...this.#maybe("maxItems", () => min + this.#below(3), 0.7),
    };
  }

  #leaf(): unknown {
    const low = this.#below(2000) - 1000;
    const length = this.#below(6);
    const makers = [
      () => ({
        type: "string",
        ...this.#maybe("minLength", () => length),
        ...this.#maybe("maxLength", () => length + this.#below(20)),
      }),
      () => ({ type: "string", pattern: ["^[a-z]{2,5}$", "cat|dog", "^\\d+(\\.\\d+)?$", "^[^x]*x$"][this.#below(4)] }),
      () => ({
        type: "integer",
        ...this.#maybe("minimum", () => low),
        ...this.#maybe("exclusiveMaximum", () => low + 1 + this.#below(100)),
        ...this.#maybe("multipleOf", () => 1 + this.#below(9), 0.2),
      }),
      () => ({
        type: "number",
        ...this.#maybe("exclusiveMinimum", () => low / 7),
        ...this.#maybe("maximum", () => (low + 1 + this.#below(5)) / 7),
      }),
      () => ({
        enum: ["red", "red dog", "", 1, 12, -0.5, null, true, [1, "é"], { a: {} }].filter(() => this.#below(2) === 0)
          .concat("x"),
      }),
      () => ({ const: ["a", 7, null, { b: 2 }][this.#below(4)] }),
      () => ({ type: ["boolean", "null", "integer"] }),
      () => ({}),
      () => true,
    ];
    return makers[this.#below(makers.length)]!();
  }
}

const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false, logger: false });
const SCHEMAS = 100;
const TEXTS = 4;

Deno.test("whatever is written by chance under a schema's masks is JSON of the schema", () => {
  const random = new Random(11);
  const schemas = new Schemas(random);
  let [whole, refused] = [0, 0];
  for (let i = 0; i < SCHEMAS; i++) {
    const schema = schemas.whole();
    let grammar;
    try {
      grammar = grammarOf(schema);
    } catch (error) {
      // bounds that nothing fits, by chance
      assert.match((error as Error).message, /no value has all/, JSON.stringify(schema));
      refused++;
      continue;
    }
    const validate = ajv.compile(schema);
    const verdict = judge(schema);
    for (let j = 0; j < TEXTS; j++) {
      const text = writeByChance(grammar, random, 100);
      if (text === undefined) continue;
      const value = JSON.parse(text);
      assert.ok(validate(value), `${text}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(schema)}`);
      assert.equal(verdict(text), "whole", text);
      whole++;
    }
  }
  assert.ok(whole > SCHEMAS * TEXTS / 3, `${whole} whole texts, ${refused} schemas refused`);
  assert.ok(refused < SCHEMAS / 4, `${refused} refused`);
});

Deno.test("formats: dates are days of the calendar, times are times", () => {
  const random = new Random(12);
  const grammar = grammarOf({
    type: "object",
    properties: { day: { type: "string", format: "date" }, at: { type: "string", format: "date-time" } },
    required: ["day", "at"],
  });
  for (let i = 0; i < 100; i++) {
    const { day, at } = JSON.parse(writeByChance(grammar, random, 200)!);
    assert.equal(new Date(day).toISOString().slice(0, 10), day);
    assert.ok(Number.isFinite(Date.parse(at)), at);
  }
});
