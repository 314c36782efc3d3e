import assert from "node:assert/strict";
import { judge } from "./grammar.ts";

/** A schema, texts of it, and texts that are not. */
type Row = readonly [schema: unknown, whole: readonly string[], wrong: readonly string[]];

const POINT = { type: "object", properties: { x: { type: "integer" }, y: { type: "integer" } }, required: ["x", "y"] };

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  "spaces": [
    [{ type: "object" }, ['{"a":1,"b":[1,2]}', '{"a": 1, "b": [1, 2]}'], [
      '{ "a":1}',
      '{"a" :1}',
      '{"a":  1}',
      "[1 ]",
      "{ ",
    ]],
  ],
  "types": [
    [{ type: "boolean" }, ["true", "false"], ["null", "1", '"']],
    [{ type: "null" }, ["null"], ["true", " "]],
    [{ type: ["string", "null"] }, ['""', "null"], ["1", "true"]],
    [{}, ["1", '"a"', "[[],{}]", "null", "-0.5", '{"a":{"b":[true]}}'], ["+1", "01", "nul,", "[,", "{1"]],
    [true, ["1"], ["x"]],
    [{ minimum: 3 }, ["3", "99"], ["2", '"a"', "[1"]],
  ],
  "strings": [
    [
      { type: "string" },
      ['""', '"a b"', '"é日𝄞"', '"\\""', '"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u00e9\\uD7fF\\uE000"'],
      ['"\n', '"\\x', '"\\uD800', '"\\u00g', '"a"b', "'a"],
    ],
    [{ type: "string", minLength: 2, maxLength: 3 }, ['"ab"', '"日本語"', '"a\\n\\u0041"', '"𝄞𝄞𝄞"'], [
      '"a"',
      '"abcd',
      '""',
    ]],
    [{ type: "string", maxLength: 0 }, ['""'], ['"a', '"\\']],
    [{ type: "string", pattern: "^[a-c]+$" }, ['"abc"'], ['""', '"d', '"A', '"\\u0061']],
    [{ type: "string", pattern: "b" }, ['"b"', '"abc"', '"é bé"'], ['"acd"', '""']],
  ],
  "texts": [
    [{ enum: ["a", "ab", 1, 12, null, { b: [1] }] }, ['"a"', '"ab"', "1", "12", "null", '{"b":[1]}'], [
      '"b',
      "2",
      "13",
      '{"b": ',
    ]],
    [{ const: 'say "ä"' }, ['"say \\"ä\\""'], ['"say ä']],
    [{ type: "string", enum: ["a", 1] }, ['"a"'], ["1"]],
  ],
  "objects": [
    [POINT, ['{"x":1,"y":2}', '{"x": 1, "y": 2}'], ['{"x":1}', '{"y', '{"x":1,"y":2,', '{"x":1,"x']],
    [
      {
        type: "object",
        properties: { a: { type: "null" }, b: { type: "null" }, c: { type: "null" } },
        required: ["b"],
      },
      ['{"a":null,"b":null,"c":null}', '{"b":null}', '{"b":null,"c":null}', '{"a":null,"b":null}'],
      ['{"a":null}', '{"a":null,"c', '{"c', "{}", '{"b":null,}', "{,"],
    ],
    [
      { type: "object", properties: { ab: { type: "null" } }, additionalProperties: { type: "integer" } },
      ["{}", '{"ab":null}', '{"ab":null,"x":1,"abc":2}', '{"a":1}', '{"":3}'],
      ['{"ab":1', '{"a":null', '{"x":1,"ab":', '{"x":null', '{"a\\', '{"x":1,"ab"'],
    ],
    [{ type: "object", additionalProperties: false }, ["{}"], ['{"']],
    [{ type: "object", required: ["q"] }, ['{"q":[1]}', '{"q":1,"r":2}'], ["{}", '{"r']],
    [
      { type: "object", properties: { p: { type: "null" } }, required: ["q"], additionalProperties: { type: "null" } },
      ['{"q":null}', '{"p":null,"q":null,"r":null}'],
      ['{"p":null}', "{}", '{"q":1'],
    ],
    [{ type: "object", properties: { 'a"é': { type: "null" } } }, ['{"a\\"é":null}'], ['{"a"']],
    [JSON.parse('{"type":"object","properties":{"__proto__":{"type":"null"}},"required":["__proto__"]}'), [
      '{"__proto__":null}',
    ], ["{}"]],
  ],
  "arrays": [
    [{ type: "array", items: { type: "integer" }, minItems: 1, maxItems: 3 }, ["[1]", "[1,2,3]", "[1, 2]"], [
      "[]",
      "[1,2,3,",
      "[,",
    ]],
    [{ type: "array", maxItems: 0 }, ["[]"], ["[1"]],
    [
      { type: "array", prefixItems: [{ type: "null" }, { type: "boolean" }], items: { type: "integer" } },
      ["[]", "[null]", "[null,true,1,2]"],
      ["[true", "[null,1", "[null,true,false"],
    ],
    [{ type: "array", prefixItems: [{ type: "null" }], items: false, minItems: 1 }, ["[null]"], ["[]", "[null,"]],
    [{ type: "array", minItems: 2, uniqueItems: false }, ["[1,{}]", "[1,2,3]"], ["[1]"]],
  ],
  "choices and references": [
    [{ anyOf: [POINT, { type: "array", items: POINT }] }, ['{"x":1,"y":2}', '[{"x":1,"y":2}]', "[]"], ["1", "[1"]],
    [{
      anyOf: [{ type: "object", properties: { a: { type: "null" } } }, {
        type: "object",
        properties: { a: { const: 1 } },
      }],
    }, [
      '{"a":null}',
      '{"a":1}',
      "{}",
    ], ['{"a":2']],
    [{ allOf: [{ type: "null" }], description: "none" }, ["null"], ["1"]],
    [
      {
        $defs: { "a/b~c": { type: "object", properties: { next: { $ref: "#/$defs/a~1b~0c" } } } },
        $ref: "#/$defs/a~1b~0c",
      },
      ["{}", '{"next":{"next":{}}}'],
      ['{"next":1', '{"other'],
    ],
    [
      {
        oneOf: [{ type: "object", properties: { k: { const: "a" } }, required: ["k"] }, { type: "string" }, {
          type: "null",
        }],
      },
      ['{"k":"a"}', '"x"', "null"],
      ['{"k":"b', "{}"],
    ],
    // what cannot be ended is left out
    [
      {
        $defs: { endless: { type: "object", properties: { a: { $ref: "#/$defs/endless" } }, required: ["a"] } },
        anyOf: [{ $ref: "#/$defs/endless" }, { type: "array", minItems: 1, items: { $ref: "#/$defs/endless" } }, {
          type: "null",
        }],
      },
      ["null"],
      ["{", "["],
    ],
    [
      {
        type: "object",
        properties: {
          self: { type: "object", required: ["self"], properties: { self: { $ref: "#/properties/self" } } },
        },
      },
      ["{}"],
      ['{"'],
    ],
    [{ type: "array", items: { type: "integer", minimum: 2, maximum: 1 } }, ["[]"], ["[1"]],
    [{ anyOf: [{ type: "string", minLength: 2, maxLength: 1 }, { type: "null" }, false] }, ["null"], ['"']],
  ],
  "formats": [
    [{ type: "string", format: "date" }, ['"2024-02-28"', '"1999-12-31"'], [
      '"2024-02-3',
      '"2024-13',
      '"2024-04-31',
      '"24-',
    ]],
    [{ type: "string", format: "date-time" }, ['"2024-01-02T03:04:05Z"', '"2024-01-02T03:04:05.25+01:30"'], [
      '"2024-01-02T24',
      '"2024-01-02"',
    ]],
    [{ type: "string", format: "uuid" }, ['"12345678-9abc-def0-1234-56789abcdef0"'], ['"1234567-']],
    [{ type: "string", format: "ipv4" }, ['"0.0.0.0"', '"255.249.19.9"'], ['"256', '"1.2.3"', '"01']],
    [{ type: "string", format: "email" }, ['"a.b+c@d-e.org"'], ['"a..', '"a@b"', '"@']],
    [{ type: "string", format: "time" }, ['"23:59:59Z"'], ['"24', '"23:60', '"23:59:59"']],
  ],
};

for (const [name, rows] of Object.entries(ROWS)) {
  Deno.test(`a schema's texts: ${name}`, () => {
    for (const [schema, whole, wrong] of rows) {
      const verdict = judge(schema);
      for (const text of whole) {
        assert.equal(verdict(text), "whole", `${JSON.stringify(schema)}: ${text}`);
        JSON.parse(text);
        for (let i = 0; i < text.length; i++) assert.notEqual(verdict(text.slice(0, i)), "wrong", text.slice(0, i));
      }
      for (const text of wrong) {
        // what is no JSON yet must not be begun either
        const right = isJson(text) ? verdict(text) !== "whole" : verdict(text) === "wrong";
        assert.ok(right, `${JSON.stringify(schema)}: ${text} is ${verdict(text)}`);
      }
    }
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const chain = (depth: number, leaf: unknown) => {
  let schema = leaf;
  for (let i = 0; i < depth; i++) schema = { type: "array", items: schema };
  return schema;
};

/** What cannot be enforced: the schema, and what the message names. */
const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  [{ type: "strin" }, /"type" is "strin"/],
  [{ type: [] }, /"type"/],
  [null, /must be an object, true or false/],
  [3, /must be an object/],
  [{ properties: { a: 1 } }, /at #\/properties\/a/],
  [{ properties: [] }, /at #\/properties/],
  [{ required: "a" }, /"required" must be a list/],
  [{ required: [1] }, /"required" must be a list of texts/],
  [{ type: "array", items: [{}] }, /at #\/items/],
  [{ minItems: -1 }, /"minItems" must be a whole number/],
  [{ maxLength: 1.5 }, /"maxLength"/],
  [{ minimum: "1" }, /"minimum" must be a number/],
  [{ multipleOf: 0.1 }, /"multipleOf" is supported for whole numbers/],
  [{ multipleOf: 0 }, /"multipleOf"/],
  [{ type: "array", uniqueItems: true }, /"uniqueItems" is not supported/],
  ...[
    "not",
    "if",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "contains",
    "dependentRequired",
    "nullable",
    "$anchor",
  ]
    .map((keyword) => [{ [keyword]: {} }, new RegExp(`"${keyword.replace("$", "\\$")}" is not supported`)] as const),
  [{ anyOf: [] }, /"anyOf" must have an item/],
  [{ anyOf: {} }, /"anyOf" must be a list/],
  [{ anyOf: Array(129).fill({ type: "null" }) }, /more than 128/],
  [{ anyOf: [true], type: "string" }, /"type" cannot be enforced beside "anyOf"/],
  [{ $ref: "#", minimum: 1 }, /"minimum" cannot be enforced beside "\$ref"/],
  [{ enum: ["a"], minLength: 1 }, /"minLength" cannot be enforced beside "enum"/],
  [{ allOf: [true, true] }, /"allOf"/],
  [{ oneOf: [{ type: "string" }, { enum: ["a"] }] }, /"oneOf"/],
  [{ oneOf: [{ type: "number" }, { type: "integer" }] }, /"oneOf"/],
  [{
    oneOf: [{ type: "object", properties: { k: { const: 1 } } }, { type: "object", properties: { k: { const: 2 } } }],
  }, /"oneOf"/],
  [{ $ref: "other.json" }, /"\$ref" is "other.json"/],
  [{ $ref: "#/$defs/a" }, /not there/],
  [{ $ref: "#/constructor" }, /not there/],
  [{ $ref: "#" }, /leads back to itself/],
  [{ anyOf: [{ type: "null" }, { $ref: "#" }] }, /leads back to itself/],
  [false, /no value has all/],
  [{ enum: [] }, /no value/],
  [{ type: "object", properties: { a: false }, required: ["a"] }, /no value/],
  [{ type: "object", required: ["a"], additionalProperties: false }, /names "a"/],
  [{ type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, /no value/],
  [{ type: "array", minItems: 1, items: { $ref: "#" } }, /no value/],
  [{ minimum: 1, maximum: 0, type: "number" }, /no value/],
  [{ minimum: 1e15, type: "number" }, /no value/],
  [{ type: "integer", exclusiveMinimum: 1, exclusiveMaximum: 2 }, /no value/],
  [{ pattern: "(" }, /"pattern" cannot be enforced: Invalid regular expression/],
  [{ pattern: "(?=a)" }, /look-around/],
  [{ pattern: "(a)\\1" }, /"\\1" is not supported/],
  [{ pattern: "\\bword" }, /"\\b" is not supported/],
  [{ pattern: "\\p{L}" }, /"\\p" is not supported/],
  [{ pattern: "a^b" }, /"\^"/],
  [{ pattern: "(a$)" }, /"\$"/],
  [{ pattern: "^\n$" }, /no value/],
  [{ pattern: "a", maxLength: 3 }, /"maxLength" cannot be enforced beside "pattern"/],
  [{ format: "regex" }, /"format" is "regex"/],
  [{ format: "date", pattern: "a" }, /"format" cannot be enforced beside "pattern"/],
];

Deno.test("readSchema() refuses what it cannot enforce, by its keyword and place", () => {
  for (const [schema, message] of REFUSED) {
    const refuse = () => judge(schema);
    assert.throws(refuse, { code: "argument_invalid", param: "responseFormat", message }, JSON.stringify(schema));
  }
});

/** Schemas that want to take long. */
const HOSTILE: Readonly<Record<string, unknown>> = {
  "deep": chain(65, { type: "null" }),
  "very deep": chain(5000, {}),
  "many parts": { type: "array", prefixItems: Array(3000).fill({ type: "null" }) },
  "wide and deep": {
    anyOf: Array.from({ length: 100 }, () => ({ anyOf: Array.from({ length: 100 }, (_, i) => ({ const: i })) })),
  },
  "a pattern of many positions": { pattern: "^(((a{900}){900}){900})$" },
  "a pattern of many states": { pattern: "^.*a.{20}$" },
  "a pattern of empty groups": { pattern: "^((((){1000}){1000}){1000})*$" },
  "a pattern deep in groups": { pattern: `${"(".repeat(500)}a${")".repeat(500)}` },
  "a pattern of many classes": {
    pattern: `^(${
      Array.from({ length: 4000 }, (_, i) => `[a-z${String.fromCodePoint(0x4e00 + 2 * i)}]`).join("|")
    })*x$`,
  },
  "many patterns": { prefixItems: Array(2000).fill({ pattern: "^[a-z]*a[a-z]{8}$" }) },
  "many alternatives that exclude each other": {
    $defs: Object.fromEntries(["a", "b"].map((letter) => [letter, {
      anyOf: Array.from(
        { length: 128 },
        (_, i) => ({ type: "object", properties: { k: { const: letter + i } }, required: ["k"] }),
      ),
    }])),
    anyOf: Array.from({ length: 100 }, () => ({ oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/b" }] })),
  },
  "references in a chain": {
    $defs: Object.fromEntries(
      Array.from({ length: 1999 }, (_, i) => [i, { type: "array", minItems: 1, items: { $ref: `#/$defs/${i + 1}` } }]),
    ),
    $ref: "#/$defs/0",
  },
};

for (const [name, schema] of Object.entries(HOSTILE)) {
  Deno.test(`readSchema() refuses quickly: ${name}`, () => {
    const started = performance.now();
    assert.throws(() => judge(schema), { code: "argument_invalid", param: "responseFormat" });
    const ms = performance.now() - started;
    // some hundred times what it takes; without bounds it would be hours, or all memory
    assert.ok(ms < 5000, `${ms} ms`);
  });
}

Deno.test("a schema that can be read in too many ways at once is refused while it is followed", () => {
  const twice = { type: "object", properties: { a: { $ref: "#" } } };
  const verdict = judge({ anyOf: [twice, { ...twice, additionalProperties: false }] });
  assert.equal(verdict('{"a":'.repeat(4)), "begun");
  assert.throws(() => verdict('{"a":'.repeat(40)), { code: "argument_invalid", param: "responseFormat" });
});
