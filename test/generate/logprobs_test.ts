import assert from "node:assert/strict";
import { LogprobReader, type LogprobsOptions } from "../../sdk/generate/logprobs.ts";
import { type TokenLogprob } from "../../sdk/generate/logprobs.ts";
import { TokenLog } from "../../sdk/generate/token_log.ts";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { Bench, BUILDS, numbers } from "../ops/harness.ts";
import { tinyData } from "../text/tiny.ts";

const tokenizer = new Tokenizer(tinyData());
const SIZE = tokenizer.vocabularySize;

/** ln of the softmax, in plain steps. */
function logSoftmax(values: ArrayLike<number>): number[] {
  const total = Array.from(values).reduce((sum, x) => sum + Math.exp(x), 0);
  return Array.from(values, (x) => Math.log(Math.exp(x) / total));
}

for (const build of BUILDS) {
  Deno.test(`${build}: LogprobReader gives the log softmax, and the most probable in order`, async () => {
    const bench = await Bench.create(build);
    for (let seed = 0; seed < 20; seed++) {
      const values = numbers(seed, SIZE, 4);
      const want = logSoftmax(values);
      const order = want.map((_, id) => id).sort((a, b) => want[b]! - want[a]! || a - b);
      const reader = LogprobReader.of(tokenizer, { logprobs: true, topLogprobs: seed });
      const at = bench.put(values);
      const tell = await reader!.read(bench.backend, at, SIZE);
      // what is done to the logits of other tokens later changes nothing
      const id = seed % SIZE;
      bench.backend.write(at, values.map((x, i) => i === id ? x : -1));
      const { logprob, bytes, topLogprobs } = tell(id);
      assert.ok(Math.abs(logprob - want[id]!) < 1e-6, `${logprob} is not ${want[id]}`);
      assert.deepEqual(bytes, tokenizer.tokenBytes(id));
      assert.equal(topLogprobs.length, Math.min(seed, SIZE));
      for (const [i, top] of topLogprobs.entries()) {
        assert.ok(Math.abs(top.logprob - want[order[i]!]!) < 1e-6);
        assert.deepEqual(top.bytes, tokenizer.tokenBytes(order[i]!));
        assert.equal(top.token, new TextDecoder().decode(top.bytes));
      }
    }
  });
}

Deno.test("LogprobReader: logits far apart, equal ones, and rows longer than the vocabulary", async () => {
  const bench = await Bench.create("relaxed");
  const reader = LogprobReader.of(tokenizer, { logprobs: true, topLogprobs: 3 })!;
  const far = await reader.read(bench.backend, bench.put([1000, -1000, ...Array(SIZE - 2).fill(-3e38)]), SIZE);
  assert.equal(far(0).logprob, 0);
  assert.equal(far(1).logprob, -2000);
  const even = await reader.read(bench.backend, bench.put(Array(SIZE).fill(2)), SIZE);
  assert.ok(Math.abs(even(5).logprob + Math.log(SIZE)) < 1e-6);
  assert.deepEqual(even(5).topLogprobs.map(({ token }) => token), ["a", "b", "c"]);
  // padding of the output layer has a share of the probability, but is no token
  const padded = await reader.read(bench.backend, bench.put([...Array(SIZE).fill(0), 0, 0]), SIZE + 2);
  assert.ok(Math.abs(padded(0).logprob + Math.log(SIZE + 2)) < 1e-6);
  await assert.rejects(reader.read(bench.backend, bench.put([0, NaN, 1]), 3), { code: "non_finite" });
});

Deno.test("LogprobReader.of() is nothing unless asked for, and refuses options by name", () => {
  for (const options of [{}, { logprobs: false }, { topLogprobs: 0 }]) {
    assert.equal(LogprobReader.of(tokenizer, options), undefined);
  }
  const bad: [LogprobsOptions, string][] = [
    [{ logprobs: 1 as never }, "logprobs"],
    [{ topLogprobs: 3 }, "topLogprobs"],
    [{ logprobs: true, topLogprobs: 21 }, "topLogprobs"],
    [{ logprobs: true, topLogprobs: -1 }, "topLogprobs"],
    [{ logprobs: true, topLogprobs: 1.5 }, "topLogprobs"],
    [{ logprobs: true, topLogprobs: "3" as never }, "topLogprobs"],
  ];
  for (const [options, param] of bad) {
    assert.throws(() => LogprobReader.of(tokenizer, options), { code: "argument_invalid", param });
  }
});

const token = (name: string): TokenLogprob => ({ token: name, bytes: new Uint8Array(0), logprob: 0, topLogprobs: [] });
const names = (tokens: readonly TokenLogprob[]) => tokens.map(({ token }) => token).join("");

Deno.test("TokenLog gives a token with the text in which it ends", () => {
  const log = new TokenLog();
  log.push(token("a"), 2);
  assert.equal(names(log.give(2)), "a");
  // nothing is certain of the next two: "b" and "c" are held back, and come with a third
  log.push(token("b"), 1);
  log.push(token("c"), 3);
  log.push(token("d"), 4);
  assert.equal(names(log.give(3)), "bc");
  assert.equal(names(log.finish(1, false)), "d");
});

Deno.test("TokenLog: tokens that a stop string cuts off never come, one that it cuts in two does", () => {
  const log = new TokenLog();
  log.push(token("a"), 3);
  log.push(token("b"), 5);
  log.push(token("c"), 9);
  // of "b" one character is left
  assert.equal(names(log.finish(4, true)), "ab");
  const other = new TokenLog();
  other.push(token("a"), 3);
  other.push(token("b"), 5);
  assert.equal(names(other.finish(3, true)), "a");
});
