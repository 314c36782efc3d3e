import assert from "node:assert/strict";
import { Constraint } from "../../../sdk/generate/grammar/constraint.ts";
import { TokenTrie } from "../../../sdk/generate/grammar/token_trie.ts";
import { Random } from "../../../sdk/generate/random.ts";
import { Sampler } from "../../../sdk/generate/sampling.ts";
import { Bench, BUILDS } from "../../ops/harness.ts";
import { grammarOf, TOKENIZER, VOCABULARY } from "./grammar.ts";

const SIZE = VOCABULARY.vocabularySize;
const IDS = Array.from({ length: SIZE }, (_, id) => id);

for (const build of BUILDS) {
  Deno.test(`${build}: Constraint.apply() leaves allowed logits as they are, and no sampler takes another`, async () => {
    const bench = await Bench.create(build);
    // some rows more than tokens, as padded output layers have
    const count = SIZE + 100;
    const constraint = new Constraint(grammarOf({ enum: ["dog", "cat"] }));
    const random = new Random(1);
    const values = Float32Array.from({ length: count }, () => random.uniform() * 40 - 20);
    const at = bench.put(values);
    await constraint.apply(bench.backend, at, count);
    const after = await bench.get(at, count);
    let allowed = 0;
    for (let id = 0; id < count; id++) {
      const right = id < SIZE && constraint.allows(id);
      if (right) allowed++;
      assert.equal(after[id], right ? values[id] : Math.fround(-3e38), `${id}`);
    }
    assert.ok(allowed >= 1 && allowed < 10, `${allowed} allowed`);
    const buffers = { scratch: bench.reserve(bench.backend.sampleScratch(count) * 4), recent: bench.reserve(64) };
    for (
      const options of [{}, { temperature: 100 }, { temperature: 3, topP: 0.9 }, {
        temperature: 1,
        topK: 50,
        minP: 0.1,
      }]
    ) {
      const sampler = new Sampler({ ...options, seed: 1 });
      for (let i = 0; i < 50; i++) {
        const id = await sampler.sample(bench.backend, at, count, buffers);
        assert.ok(id < SIZE && constraint.allows(id), `${JSON.stringify(options)}: ${id}`);
      }
    }
  });
}

Deno.test("Constraint.apply() does not hide logits that are no numbers", async () => {
  const bench = await Bench.create("relaxed");
  const values = new Float32Array(SIZE);
  values[77] = NaN;
  const constraint = new Constraint(grammarOf({ const: 1 }));
  await assert.rejects(constraint.apply(bench.backend, bench.put(values), SIZE), { code: "non_finite" });
});

Deno.test("Constraint.apply() says so where the vocabulary has no way to go on", async () => {
  const bench = await Bench.create("relaxed");
  const constraint = new Constraint(grammarOf({ const: 1 }));
  constraint.push(IDS.find((id) => constraint.allows(id))!);
  assert.ok(constraint.ended);
  // the text is whole and this model has no token for an end: whoever asks for more is told
  const endless = {
    vocabularySize: SIZE,
    endIds: new Set<number>(),
    tokenBytes: (id: number) => TOKENIZER.tokenBytes(id),
  };
  const other = new Constraint(grammarOf({ const: 1 }, new TokenTrie(endless)));
  other.push(IDS.find((id) => other.allows(id))!);
  const at = bench.put(new Float32Array(SIZE));
  await assert.rejects(other.apply(bench.backend, at, SIZE), { code: "file_unsupported", param: "responseFormat" });
});

Deno.test("a grammar that forgets its states goes on for all its answers", async () => {
  const bench = await Bench.create("relaxed");
  const at = bench.put(new Float32Array(SIZE));
  // many states: places of strings of several lengths, and numbers
  const lengths = Array.from({ length: 30 }, (_, i) => i + 1);
  const item = { anyOf: [{ type: "number" }, ...lengths.map((maxLength) => ({ type: "string", maxLength }))] };
  const grammar = grammarOf({ type: "array", items: item, minItems: 20 });
  const random = new Random(8);
  const answers = [0, 1, 2].map(() => ({ constraint: new Constraint(grammar), bytes: [] as number[] }));
  const starts = new Set([grammar.start]);
  for (let i = 0; i < 200; i++) {
    for (const { constraint, bytes } of answers) {
      if (constraint.ended) continue;
      const values = IDS.map((id) => random.uniform() + (TOKENIZER.tokenBytes(id)[0] === 0x22 ? 0.2 : 0));
      bench.backend.write(at, Float32Array.from(values));
      await constraint.apply(bench.backend, at, SIZE);
      starts.add(grammar.start);
      const id = await bench.backend.argmax(at, SIZE);
      constraint.push(id);
      bytes.push(...TOKENIZER.tokenBytes(id));
    }
  }
  assert.ok(starts.size > 2, "it never forgot");
  for (const { constraint, bytes } of answers) {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    assert.ok(constraint.ended, text);
    const items = JSON.parse(text);
    assert.ok(
      items.length >= 20 && items.every((x: unknown) => typeof x === "number" || [...x as string].length <= 30),
    );
  }
});

Deno.test("Grammar.mask() refuses a schema that takes too much work for one token", () => {
  const strings = Array.from({ length: 8 }, (_, minLength) => ({ type: "string", minLength }));
  const object = (i: number) => ({
    type: "object",
    properties: { a: { anyOf: strings }, [`b${i}`]: {} },
    required: ["a"],
  });
  const constraint = new Constraint(grammarOf({ anyOf: Array.from({ length: 60 }, (_, i) => object(i)) }));
  const push = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) {
      constraint.push(IDS.find((id) => TOKENIZER.tokenBytes(id).length === 1 && TOKENIZER.tokenBytes(id)[0] === byte)!);
    }
  };
  push('{"a":');
  const message = /takes too much work for one token/;
  push('"');
  assert.throws(() => constraint.allows(0), { code: "argument_invalid", param: "responseFormat", message });
});
