import assert from "node:assert/strict";
import { Detokenizer } from "../../sdk/text/detokenizer.ts";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import type { TokenizerData } from "../../sdk/text/vocabulary.ts";

/** A vocabulary of all 256 bytes, by GPT-2's alphabet, and one mark: id = byte. */
function byteTokenizer(): Tokenizer {
  const tokens: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const shown = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    tokens.push(String.fromCharCode(shown ? byte : next++));
  }
  const data: TokenizerData = {
    model: "gpt2",
    pre: "gpt-2",
    tokens: [...tokens, "<|im_end|>"],
    tokenTypes: [...tokens.map(() => 1), 3],
    merges: [],
    addBos: false,
  };
  return new Tokenizer(data);
}

const tokenizer = byteTokenizer();
const MARK = 256;

function run(bytes: Iterable<number>, stops?: string[]): { deltas: string[]; text: string; stopped: boolean } {
  const detokenizer = new Detokenizer(tokenizer, stops);
  const deltas = [...bytes].map((id) => detokenizer.push(id));
  deltas.push(detokenizer.finish());
  return { deltas, text: deltas.join(""), stopped: detokenizer.stopped };
}

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("Tokenizer.encodeText() of single bytes and Detokenizer are each other's inverse, for every byte", () => {
  const text = Array.from({ length: 0x800 }, (_, i) => String.fromCodePoint(i)).join("") + "\ufeff中👩‍🚒\u{10ffff}";
  assert.deepEqual(tokenizer.encodeText(text), [...utf8(text)]);
  assert.equal(run(tokenizer.encodeText(text)).text, text);
});

Deno.test("Detokenizer gives out whole characters only", () => {
  const text = "\ufeffaé中👩‍🚒e\u0301";
  const { deltas } = run(utf8(text));
  assert.deepEqual(deltas.filter((delta) => delta !== ""), [...text]);
});

Deno.test("Detokenizer turns invalid bytes into U+FFFD as TextDecoder does", () => {
  // A generator of bytes that are often near valid: lead bytes and continuations mixed.
  let state = 1;
  const random = (n: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0, (state >>> 8) % n);
  const common = [0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0xf0, 0x90, 0xf4, 0x8f, 0xff, 0xef, 0xbb];
  for (let round = 0; round < 500; round++) {
    const bytes = Array.from({ length: random(12) }, () => common[random(common.length)]!);
    const wanted = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes));
    assert.equal(run(bytes).text, wanted, bytes.join(" "));
  }
});

Deno.test("Detokenizer gives an unfinished character out as U+FFFD at the end alone", () => {
  assert.deepEqual(run([0x61, 0xf0, 0x9f, 0x91]).deltas, ["a", "", "", "", "\ufffd"]);
});

Deno.test("Detokenizer never prints a mark, and does not end a character for it", () => {
  assert.deepEqual(run([0xc3, MARK, 0xa9, MARK]).deltas, ["", "", "é", "", ""]);
});

Deno.test("Detokenizer holds back what may begin a stop string, and gives it out when it does not", () => {
  const { deltas, stopped } = run(utf8("a##b###"), ["###"]);
  assert.deepEqual(deltas, ["a", "", "", "##b", "", "", "", ""]);
  assert.ok(stopped);
});

Deno.test("Detokenizer gives a held beginning of a stop string out at the end", () => {
  const { text, stopped } = run(utf8("a##"), ["###"]);
  assert.equal(text, "a##");
  assert.ok(!stopped);
});

Deno.test("Detokenizer finds a stop string that begins inside of a failed one", () => {
  assert.equal(run(utf8("xaabaaac"), ["aaac"]).text, "xaab");
  assert.equal(run(utf8("abababc!"), ["ababc"]).text, "ab");
});

Deno.test("Detokenizer gives nothing out after a stop string", () => {
  const detokenizer = new Detokenizer(tokenizer, ["é"]);
  assert.equal([...utf8("aéb")].map((id) => detokenizer.push(id)).join(""), "a");
  assert.ok(detokenizer.stopped);
  assert.equal(detokenizer.push(0x62), "");
  assert.equal(detokenizer.finish(), "");
});

Deno.test("Detokenizer stops at the stop string that is complete first, wherever tokens end", () => {
  const words = ["b", "abc", "ca", "ab"];
  const merged: TokenizerData = {
    model: "gpt2",
    pre: "gpt-2",
    tokens: ["a", "b", "c", "x", "xabc", "xab", "xa"],
    tokenTypes: [1, 1, 1, 1, 1, 1, 1],
    merges: [],
    addBos: false,
  };
  const large = new Tokenizer(merged);
  const cases: [string[], string][] = [
    [words, "x"],
    [[...words].reverse(), "x"],
    [["bc", "abc"], "x"],
    [["abc", "b"], "xa"],
    [["b", "abc"], "xa"],
  ];
  for (const [stops, wanted] of cases) {
    const texts = [["xabc"], ["xab", "c"], ["xa", "b", "c"], ["x", "a", "b", "c"]].map((tokens) => {
      const detokenizer = new Detokenizer(large, stops);
      const text = tokens.map((token) => detokenizer.push(large.idOf(token)!)).join("") + detokenizer.finish();
      assert.ok(detokenizer.stopped);
      return text;
    });
    assert.deepEqual(new Set(texts), new Set([wanted]), stops.join());
  }
});

Deno.test("Detokenizer with stop strings gives the text before the first that is complete, for random texts", () => {
  let state = 7;
  const random = (n: number) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0, (state >>> 8) % n);
  const word = (length: number) => Array.from({ length }, () => "ab"[random(2)]).join("");
  for (let round = 0; round < 500; round++) {
    const text = word(12);
    const stops = Array.from({ length: 1 + random(3) }, () => word(2 + random(4)));
    let wanted = text;
    search: for (let end = 1; end <= text.length; end++) {
      for (let start = 0; start < end; start++) {
        if (!stops.includes(text.slice(start, end))) continue;
        wanted = text.slice(0, start);
        break search;
      }
    }
    assert.equal(run(utf8(text), stops).text, wanted, `${text} / ${stops}`);
  }
});

Deno.test("Detokenizer refuses an empty stop string, more than 16, and what is no string", () => {
  for (const stops of [[""], Array.from({ length: 17 }, (_, i) => `s${i}`), [1], "ab"]) {
    assert.throws(() => new Detokenizer(tokenizer, stops as string[]), { code: "argument_invalid", param: "stop" });
  }
  new Detokenizer(tokenizer, Array.from({ length: 16 }, (_, i) => `s${i}`));
});

Deno.test("Detokenizer refuses an id outside of the vocabulary", () => {
  assert.throws(() => new Detokenizer(tokenizer).push(257), { code: "argument_invalid" });
});
