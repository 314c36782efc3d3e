/** Patterns against the engine's own regular expressions. */
import assert from "node:assert/strict";
import { Pattern, Work } from "../../../sdk/generate/grammar/pattern.ts";
import type { CodePoints } from "../../../sdk/generate/grammar/utf8.ts";
import { Random } from "../../../sdk/generate/random.ts";
import { CHARACTERS } from "./grammar.ts";

const PATTERNS = [
  ...[
    "",
    "^",
    "$",
    "^$",
    "a",
    "^a",
    "a$",
    "^a$",
    "^a|b$",
    "^(a|b)$",
    "^ab*c+d?$",
    "^(?:ab){2}$",
    "^a{2,3}?b{2,}$",
    "(?<x>a)b",
  ],
  ...[
    "^[a-c]+$",
    "^[^a-c]$",
    "^[\\d-]$",
    "^[a\\]]$",
    "^\\d{3}-\\w+$",
    "^\\S+\\s\\W$",
    "^.$",
    "^[\\u00e9-\\u{1F600}]+$",
    "\\x41",
  ],
  ...[
    "^(a*)*$",
    "^(a|ab)(c|bcd)$",
    "^((a|b)*c){2}$",
    "^\\/\\.\\*\\-$".replace("\\-", "-"),
    "a{0}b",
    "^(|a)b$",
    "^a{0,2}$",
    "^(a|b\\nc)$",
    "[]",
    "^[^]$",
  ],
];
const ALPHABET = [..."aabbccdd--..", "1", "2", "é", "日", "𝄞", " ", "_", "A", "/", "*", "]", "😀", "Z"];

function accepts(machine: Pattern | undefined, text: string): boolean {
  if (!machine) return false;
  let place = machine.start;
  for (const c of text) {
    const code = c.codePointAt(0)!;
    if (!machine.following(place).some(([first, last]) => first <= code && code <= last)) return false;
    place = machine.next(place, code);
  }
  return machine.ends(place);
}

Deno.test("Pattern takes the texts that the engine's regular expression takes", () => {
  const random = new Random(3);
  for (const pattern of PATTERNS) {
    const machine = Pattern.of(pattern, CHARACTERS, new Work());
    const expression = new RegExp(pattern, "u");
    for (let i = 0; i < 3000; i++) {
      const length = Math.floor(random.uniform() * 7);
      const text = Array.from({ length }, () => ALPHABET[Math.floor(random.uniform() * ALPHABET.length)]!).join("");
      assert.equal(accepts(machine, text), expression.test(text), `/${pattern}/u and "${text}"`);
    }
  }
});

Deno.test("Pattern: every place that can be reached can be ended", () => {
  const random = new Random(4);
  for (const pattern of PATTERNS) {
    const machine = Pattern.of(pattern, CHARACTERS, new Work());
    if (!machine) {
      assert.equal(pattern, "[]");
      continue;
    }
    const expression = new RegExp(pattern, "u");
    for (let i = 0; i < 50; i++) {
      let [text, place] = ["", machine.start];
      while (!machine.ends(place) || (machine.following(place).length > 0 && random.uniform() < 0.5)) {
        const ranges = machine.following(place);
        const [first, last] = ranges[Math.floor(random.uniform() * ranges.length)]!;
        const code = first + Math.floor(random.uniform() * (last - first + 1));
        text += String.fromCodePoint(code);
        place = machine.next(place, code);
        assert.ok(text.length < 4000);
      }
      assert.ok(expression.test(text), `/${pattern}/u and ${JSON.stringify(text)}`);
    }
  }
});

Deno.test("Pattern leaves out what the characters at hand cannot write, and is none where that is all", () => {
  const few: CodePoints[] = [[0x61, 0x62]];
  const machine = Pattern.of("^(ab|ac|é)b*$", few, new Work());
  assert.ok(accepts(machine, "abb"));
  for (const text of ["ac", "é"]) assert.ok(!accepts(machine, text));
  assert.equal(Pattern.of("^ac$", few, new Work()), undefined);
});
