import assert from "node:assert/strict";
import type { Terminal } from "../../../sdk/generate/grammar/automaton.ts";
import { decimal, type NumberBounds } from "../../../sdk/generate/grammar/number.ts";
import { Random } from "../../../sdk/generate/random.ts";

const CHARACTERS = [..."-.0123456789"];

function after(start: Terminal | undefined, text: string): Terminal | undefined {
  return [...text].reduce((at: Terminal | undefined, c) => at?.step(c.charCodeAt(0)), start);
}

function accepts(bounds: NumberBounds, text: string): boolean {
  return after(decimal(bounds), text)?.complete ?? false;
}

/** In plain words, apart from the automaton's way. */
function isWithin(value: number, { min, max, exclusiveMin, exclusiveMax, multipleOf }: NumberBounds): boolean {
  return value >= (min ?? -Infinity) && value <= (max ?? Infinity) && value > (exclusiveMin ?? -Infinity) &&
    value < (exclusiveMax ?? Infinity) && (multipleOf === undefined || value % multipleOf === 0);
}

Deno.test("decimal() takes the whole numbers within its bounds, and no others", () => {
  const random = new Random(1);
  const pick = () => Math.floor(random.uniform() * 240) - 120;
  for (let round = 0; round < 300; round++) {
    const bounds: NumberBounds = {
      ...random.uniform() < 0.5 ? { min: pick() } : {},
      ...random.uniform() < 0.5 ? { max: pick() } : {},
      ...random.uniform() < 0.2 ? { exclusiveMin: pick() + 0.5 } : {},
      ...random.uniform() < 0.2 ? { exclusiveMax: pick() } : {},
      multipleOf: [1, 1, 2, 7, 30][Math.floor(random.uniform() * 5)],
    };
    const start = decimal(bounds);
    for (let value = -150; value <= 150; value++) {
      const got = after(start, String(value))?.complete ?? false;
      assert.equal(got, isWithin(value, bounds), `${value} in ${JSON.stringify(bounds)}`);
    }
  }
});

Deno.test("decimal() takes decimals within its bounds; whatever it has begun can be ended within them", () => {
  const random = new Random(2);
  const pick = () => (random.uniform() * 2 - 1) * 10 ** Math.floor(random.uniform() * 20 - 10);
  let written = 0;
  for (let round = 0; round < 300; round++) {
    const [a, b] = [pick(), pick()];
    const bounds = random.uniform() < 0.5
      ? { min: Math.min(a, b), max: Math.max(a, b) }
      : { exclusiveMin: Math.min(a, b), exclusiveMax: Math.max(a, b) };
    const start = decimal(bounds);
    if (!start) continue;
    for (let i = 0; i < 20; i++) {
      let text = "";
      let at: Terminal = start;
      for (;;) {
        const ways = CHARACTERS.filter((c) => at.step(c.charCodeAt(0)));
        assert.equal(ways.length > 0, at.open, text);
        assert.ok(ways.length > 0 || at.complete, `"${text}" cannot be ended in ${JSON.stringify(bounds)}`);
        if (ways.length === 0 || (at.complete && random.uniform() < 0.2)) break;
        const c = ways[Math.floor(random.uniform() * ways.length)]!;
        text += c;
        at = at.step(c.charCodeAt(0))!;
      }
      assert.ok(isWithin(JSON.parse(text), bounds), `${text} in ${JSON.stringify(bounds)}`);
      assert.ok(text.replace(/[-.]/g, "").length <= 15, text);
      written++;
    }
  }
  assert.ok(written > 3000, `${written} numbers`);
});

Deno.test("decimal() knows numbers at its borders", () => {
  const rows: [NumberBounds, string[], string[]][] = [
    [{}, ["0", "-0", "0.0", "1", "-12.5", "999999999999999", "0.00000000000001"], [
      ...["", "-", "01", ".5", "1.", "1e3", "+1", "1000000000000000", "1.000000000000000", "--1", "1.2.3"],
    ]],
    [{ min: 0.1, max: 0.3 }, ["0.1", "0.10", "0.3", "0.2999"], ["0", "0.09", "0.31", "-0.1", "1"]],
    [{ exclusiveMin: 0, exclusiveMax: 1e-10 }, ["0.00000000000001"], ["0", "0.0000000001", "1"]],
    [{ min: -5, max: -5 }, ["-5", "-5.0"], ["5", "-4", "-5.1", "-50"]],
    [{ min: 1e14 }, ["100000000000000", "999999999999999"], ["99999999999999", "99999999999999.9"]],
    [{ min: -1e300, max: 1e300, multipleOf: 1 }, ["123456789012345", "-7"], ["1.0", "0.5"]],
    [{ min: 5, multipleOf: 1000 }, ["1000", "999999999999000"], ["0", "5", "1001"]],
  ];
  for (const [bounds, right, wrong] of rows) {
    for (const text of right) assert.ok(accepts(bounds, text), `${text} in ${JSON.stringify(bounds)}`);
    for (const text of wrong) assert.ok(!accepts(bounds, text), `${text} in ${JSON.stringify(bounds)}`);
  }
  for (
    const none of [{ min: 1, max: 0 }, { min: 1e15 }, { min: 0.1, max: 0.9, multipleOf: 1 }, { min: 1e-16, max: 2e-16 }]
  ) {
    assert.equal(decimal(none), undefined, JSON.stringify(none));
  }
  // 15 digits do not reach the only number there is
  assert.equal(decimal({ min: 123456789012345.6, max: 123456789012345.6 }), undefined);
});
