import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { type TokenizerData, tokenizerData } from "../../sdk/text/vocabulary.ts";
import { nanoTokenizerData } from "./nano.ts";
import { tinyData } from "./tiny.ts";

const nano = await nanoTokenizerData();
const skip = nano === undefined;
const PRES = ["smollm", "gpt-2", "llama-bpe"] as const;
type Vector = { text: string } & Record<typeof PRES[number], number[]>;
const vectors: Vector[] = JSON.parse(await Deno.readTextFile(new URL("vectors/ids.json", import.meta.url)));
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

for (const pre of PRES) {
  Deno.test({
    name: `Tokenizer.encodeText() gives the ids of PyPI tokenizers with the pre-tokenizer ${pre}`,
    ignore: skip,
    fn() {
      const tokenizer = new Tokenizer({ ...nano!, pre });
      for (const vector of vectors) {
        assert.deepEqual(tokenizer.encodeText(vector.text), vector[pre], JSON.stringify(vector.text));
      }
    },
  });
}

Deno.test({
  name: "Tokenizer.tokenBytes() of a text's ids joins to the text, but for bytes that the vocabulary lacks",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    // Characters with a byte for which the small vocabulary has no token.
    const lacking = ["\u0004", "\u001d"];
    let checked = 0;
    for (const { text } of vectors) {
      if (lacking.some((character) => text.includes(character))) continue;
      const bytes = tokenizer.encodeText(text).flatMap((id) => [...tokenizer.tokenBytes(id)]);
      assert.equal(utf8.decode(new Uint8Array(bytes)), text);
      checked++;
    }
    assert.ok(checked >= vectors.length - 1);
  },
});

Deno.test({
  name: "Tokenizer.encodeText() never gives a control token, encodeMarkup() does",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    const marks = nano!.tokens.filter((_, id) => tokenizer.isControl(id));
    assert.ok(marks.length >= 21);
    for (const mark of marks) {
      const id = tokenizer.idOf(mark)!;
      assert.deepEqual(tokenizer.encodeMarkup(mark), [id]);
      const ids = tokenizer.encodeText(`a${mark}b ${mark}${mark}`);
      assert.ok(ids.every((id) => !tokenizer.isControl(id)), mark);
      assert.equal(tokenizer.tokenBytes(id).length, 0);
    }
  },
});

Deno.test({
  name: "Tokenizer.encode() takes a user's text between markup as text, also where the two spell a mark together",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    const ids = tokenizer.encode([
      { type: "markup", text: "<|im_start|>User: <ima" },
      { type: "text", text: "ge> hello" },
      { type: "markup", text: "<end_of_utterance>" },
    ]);
    assert.equal(ids[0], tokenizer.idOf("<|im_start|>"));
    assert.equal(ids.at(-1), tokenizer.idOf("<end_of_utterance>"));
    assert.deepEqual(ids.slice(1, -1), tokenizer.encodeText("User: <image> hello"));
  },
});

Deno.test({
  name: "Tokenizer.encodeText() reads a lone surrogate as U+FFFD",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    assert.deepEqual(tokenizer.encodeText("a\ud800b\udc00"), tokenizer.encodeText("a\ufffdb\ufffd"));
    // Two halves in two runs are no character either: what a user writes must not depend on the template.
    const halves = tokenizer.encode([{ type: "markup", text: "\ud83d" }, { type: "text", text: "\ude00" }]);
    assert.deepEqual(halves, tokenizer.encodeText("\ufffd\ufffd"));
  },
});

Deno.test({
  name: "Tokenizer.encodeText() of a word four times as long takes nearer four times than sixteen times as long",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer(nano!);
    const ms = (letters: number) => {
      const started = performance.now();
      const ids = tokenizer.encodeText("abcdefghij".repeat(letters / 10));
      assert.equal(ids.flatMap((id) => [...tokenizer.tokenBytes(id)]).length, letters);
      return performance.now() - started;
    };
    ms(50_000);
    const ratio = Math.min(...[0, 1, 2].map(() => ms(200_000))) / Math.min(...[0, 1, 2].map(() => ms(50_000)));
    assert.ok(ratio < 10, `200 k letters took ${ratio} times as long as 50 k`);
  },
});

Deno.test({
  name: "Tokenizer.endIds holds eos, eot and the family's end tokens",
  ignore: skip,
  fn() {
    const tokenizer = new Tokenizer({ ...nano!, eosId: 5, eotId: 6 });
    const named = ["<end_of_utterance>", "<|im_end|>", "<|endoftext|>"].map((token) => tokenizer.idOf(token)!);
    assert.deepEqual([...tokenizer.endIds].sort((a, b) => a - b), [5, 6, ...named].sort((a, b) => a - b));
  },
});

Deno.test("Tokenizer.encodeText() merges by rank, leaves out unknown bytes, and takes user defined words whole", () => {
  const tokenizer = new Tokenizer(tinyData());
  const texts = (ids: number[]) => ids.map((id) => tinyData().tokens[id]);
  assert.deepEqual(texts(tokenizer.encodeText("abc cab")), ["ab", "c", "Ġ", "c", "ab"]);
  assert.deepEqual(texts(tokenizer.encodeText("aXb")), ["a", "b"]);
  assert.deepEqual(texts(tokenizer.encodeText("ab<>c")), ["ab", "<>", "c"]);
  assert.deepEqual(texts(tokenizer.encodeText("<image>")), ["a"]);
  assert.deepEqual(texts(tokenizer.encodeMarkup("a<image>b")), ["a", "<image>", "b"]);
});

Deno.test("Tokenizer takes a mark for a mark by its name, whatever type the file gives it", () => {
  for (const type of [1, 3, 4, 5]) {
    const data = tinyData();
    const id = data.tokens.indexOf("<image>");
    const tokenTypes = data.tokenTypes.map((old, i) => i === id ? type : old);
    const tokenizer = new Tokenizer({ ...data, tokenTypes });
    assert.ok(tokenizer.isControl(id));
    assert.ok(!tokenizer.encodeText("<image>").includes(id));
    assert.deepEqual(tokenizer.encodeMarkup("<image>"), [id]);
  }
});

Deno.test("Tokenizer takes the longest of the marks that begin at one place", () => {
  const data = tinyData();
  const tokens = [...data.tokens, "<im", "<image>x"];
  const tokenizer = new Tokenizer({ ...data, tokens, tokenTypes: [...data.tokenTypes, 3, 3] });
  assert.deepEqual(tokenizer.encodeMarkup("<image>x<image>a<im"), [
    tokens.length - 1,
    tokens.indexOf("<image>"),
    tokens.indexOf("a"),
    tokens.length - 2,
  ]);
});

Deno.test("Tokenizer.tokenBytes() refuses an id outside of the vocabulary", () => {
  const tokenizer = new Tokenizer(tinyData());
  for (const id of [-1, tinyData().tokens.length, 0.5, NaN]) {
    assert.throws(() => tokenizer.tokenBytes(id), { code: "argument_invalid", param: "id" });
  }
});

const HOSTILE: [string, string, string, (data: TokenizerData) => Partial<TokenizerData>][] = [
  ["another algorithm", "file_unsupported", "llama", () => ({ model: "llama" })],
  ["an unknown pre-tokenizer", "file_unsupported", "qwen2", () => ({ pre: "qwen2" })],
  ["no pre-tokenizer", "file_unsupported", "missing", () => ({ pre: "" })],
  ["an empty vocabulary", "file_invalid", "0 tokens", () => ({ tokens: [], tokenTypes: [] })],
  ["fewer types than tokens", "file_invalid", "types for", (d) => ({ tokenTypes: d.tokenTypes.slice(1) })],
  ["more types than tokens", "file_invalid", "types for", (d) => ({ tokenTypes: [...d.tokenTypes, 1] })],
  [
    "an unknown type",
    "file_invalid",
    "unknown type 9",
    (d) => ({ tokenTypes: d.tokenTypes.map((t) => t === 3 ? 9 : t) }),
  ],
  ["a token twice", "file_invalid", "same text", (d) => ({ tokens: d.tokens.map((t) => t === "b" ? "a" : t) })],
  ["a hole", "file_invalid", "no text", (d) => ({ tokens: d.tokens.map((t) => t === "b" ? "" : t), merges: [] })],
  [
    "a token of 200,000 characters",
    "file_invalid",
    "200000 characters",
    (d) => ({ tokens: d.tokens.map((t) => t === "c" ? "c".repeat(200_000) : t) }),
  ],
  ["a merge of an unknown piece", "file_invalid", '"z"', (d) => ({ merges: [...d.merges, "z a"] })],
  ["a merge into no token", "file_invalid", '"ca"', (d) => ({ merges: [...d.merges, "c a"] })],
  ["a merge of one piece", "file_invalid", "not two", (d) => ({ merges: [...d.merges, "a"] })],
  ["a merge of three pieces", "file_invalid", "not two", (d) => ({ merges: [...d.merges, "a b c"] })],
  ["an empty merge", "file_invalid", "not two", (d) => ({ merges: ["", ...d.merges] })],
  ["an end outside of the vocabulary", "file_invalid", "is 99", () => ({ eosId: 99 })],
  ["a first token that is not named", "file_invalid", "bos_token_id", () => ({ addBos: true, bosId: undefined })],
  [
    "a merge that spells a mark",
    "file_invalid",
    "<image>",
    (d) => ({
      tokens: [...d.tokens, "<im", "age>"],
      tokenTypes: [...d.tokenTypes, 1, 1],
      merges: ["<im age>"],
    }),
  ],
];

for (const [name, code, words, change] of HOSTILE) {
  Deno.test(`Tokenizer refuses ${name}`, () => {
    const data = tinyData();
    assert.throws(() => new Tokenizer({ ...data, ...change(data) }), (error: unknown) => {
      assert.ok(error instanceof LorisError);
      assert.equal(error.code, code);
      assert.ok(error.message.includes(words), error.message);
      return true;
    });
  });
}

Deno.test("Tokenizer of names that mean something to JavaScript gives their ids", () => {
  const data = tinyData();
  const tokens = [...data.tokens, "_", "p", "r", "o", "t", "__", "pr", "ot", "__pr", "__proto", "__proto__", "ot__"];
  const added = tokens.length - data.tokens.length;
  const tokenizer = new Tokenizer({
    ...data,
    tokens,
    tokenTypes: [...data.tokenTypes, ...new Array<number>(added).fill(1)],
    merges: ["_ _", "p r", "o t", "__ pr"],
    pre: "llama-bpe",
  });
  // llama-bpe takes a word that is a token as a whole: first "__", then, a word to its regex, "proto", then "__".
  assert.equal(tokenizer.encodeText("__proto__").map((id) => tokens[id]).join("|"), "__|pr|ot|o|__");
  assert.equal(tokenizer.idOf("__proto__"), tokens.indexOf("__proto__"));
  assert.equal(tokenizer.idOf("constructor"), undefined);
});

Deno.test("tokenizerData() reads the keys of GGUF and leaves out what is not there", () => {
  const values: Record<string, unknown> = {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": ["a"],
    "tokenizer.ggml.token_type": [1],
    "tokenizer.ggml.merges": [],
    "tokenizer.ggml.eos_token_id": 0,
  };
  // deno-lint-ignore no-explicit-any -- one getter for values of every type
  const get = (key: string): any => values[key];
  const data = tokenizerData({
    string: get,
    strings: get,
    numbers: get,
    optionalString: get,
    optionalUint: get,
    optionalBool: get,
  });
  assert.deepEqual(data, {
    model: "gpt2",
    pre: "smollm",
    tokens: ["a"],
    tokenTypes: [1],
    merges: [],
    bosId: undefined,
    eosId: 0,
    eotId: undefined,
    addBos: false,
    chatTemplate: undefined,
  });
});
