/** Prompts that come in together: in one pass, with the answers that each gives alone, whatever happens to another. */
import assert from "node:assert/strict";
import { type Request, Scheduler } from "../../sdk/generate/scheduler.ts";
import { Sampler } from "../../sdk/generate/sampling.ts";
import { Detokenizer } from "../../sdk/text/detokenizer.ts";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { openPair } from "../model/pair.ts";
import { spied } from "../sdk/spy.ts";
import { nanoTokenizerData } from "../text/nano.ts";

const nano = (name: string) => new URL(`../../models/nano/${name}`, import.meta.url);
const tokenizer = new Tokenizer((await nanoTokenizerData())!);

async function open(options: { conversations: number; lazy?: "gla" | "vla" }): Promise<Scheduler> {
  const files = [nano("nano-text-q4_0.gguf"), nano("nano-mmproj-q8_0.gguf")] as const;
  const { vlm, caches } = await openPair("relaxed", ...files, { contextTokens: 128, ...options });
  return new Scheduler(vlm, tokenizer, caches);
}

/** Prompts of 4 to 11 tokens that share the first, and two of many. */
const prompts = [
  ...Array.from({ length: 5 }, (_, i) => [1, ...Array.from({ length: 3 + i }, (_, at) => 40 + 211 * i + 17 * at)]),
  ...[30, 45].map((length, i) => [1, ...Array.from({ length }, (_, at) => 900 + 501 * i + 13 * at)]),
];

function request(ids: readonly number[], seed: number, more: Partial<Request> = {}): Request {
  const sampler = new Sampler({ temperature: 4, seed });
  return { prompt: [{ kind: "text", ids }], sampler, detokenizer: new Detokenizer(tokenizer), maxTokens: 6, ...more };
}

async function textOf(scheduler: Scheduler, asked: Request): Promise<string> {
  let text = "";
  for await (const delta of scheduler.answer(asked)) text += delta.text;
  return text;
}

/** Rows of the passes that new prompts were part of, while work runs. */
async function passes(work: () => Promise<unknown>): Promise<number[]> {
  const rows: number[] = [];
  await spied((operation, args) => operation === "embed" && rows.push(args[3]!), async () => void await work());
  return rows;
}

for (const lazy of [undefined, "gla", "vla"] as const) {
  Deno.test(`prompts that come together share passes and give the answers that each gives alone: ${lazy}`, async () => {
    const options = lazy ? { lazy } : {};
    const alone = await open({ conversations: 1, ...options });
    const want: string[] = [];
    for (const [i, ids] of prompts.entries()) want.push(await textOf(alone, request(ids, i)));
    const together = await open({ conversations: prompts.length, ...options });
    let got: string[] = [];
    const rows = await passes(async () => {
      got = await Promise.all(prompts.map((ids, i) => textOf(together, request(ids, i))));
    });
    assert.deepEqual(got, want);
    assert.ok(new Set(want).size > 5, "the answers are different ones");
    // few rows; then those that go on, and the rest with its many, of which the first token is in a cache already
    assert.deepEqual(rows.slice(0, 3), [4 + 5 + 6, 3 + (7 - 1) + (8 - 1) + 30 + 45, 7]);
  });
}

Deno.test("one of the prompts that share a pass is aborted, or its reader leaves: the others are answered as ever", async () => {
  const scheduler = await open({ conversations: 4 });
  const want = await Promise.all([0, 1].map((i) => textOf(scheduler, request(prompts[i]!, i))));
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const aborted = textOf(scheduler, request(prompts[2]!, 2, { signal: controller.signal }));
  const others = [0, 1].map((i) => textOf(scheduler, request(prompts[i]!, i)));
  const left = scheduler.answer(request(prompts[3]!, 3, { maxTokens: 60 }));
  const first = left.next();
  controller.abort(reason);
  await assert.rejects(aborted, reason);
  await first;
  await left.return(undefined as never);
  assert.deepEqual(await Promise.all(others), want);
  assert.deepEqual([scheduler.active, scheduler.waiting], [0, 0]);
  assert.equal(await textOf(scheduler, request(prompts[0]!, 0)), want[0]);
});

Deno.test("one of the prompts that come together does not fit, or its sampler fails: it alone is refused", async () => {
  const scheduler = await open({ conversations: 5 });
  const want = await Promise.all([0, 1].map((i) => textOf(scheduler, request(prompts[i]!, i))));
  const fault = new Error("no token");
  const failing = new Sampler({ temperature: 0 });
  failing.sample = () => {
    throw fault;
  };
  const first = textOf(scheduler, request(prompts[0]!, 0));
  const tooLong = Array.from({ length: 127 }, (_, at) => 3 + at);
  const [overflow, broken] = [
    textOf(scheduler, request([...tooLong, 2, 3], 1)),
    textOf(scheduler, request(prompts[3]!, 1, { sampler: failing })),
  ];
  const second = textOf(scheduler, request(prompts[1]!, 1));
  await assert.rejects(overflow, { code: "context_overflow" });
  await assert.rejects(broken, fault);
  assert.deepEqual([await first, await second], want);
});

Deno.test("after each step what has arrived meanwhile is seen", async () => {
  const scheduler = await open({ conversations: 1 });
  const { port1, port2 } = new MessageChannel();
  let steps = 0;
  const waited: number[] = [];
  port1.onmessage = ({ data }) => waited.push(steps - data);
  await spied(
    (operation) => operation === "embed" && port2.postMessage(++steps),
    () => textOf(scheduler, request(prompts[0]!, 0, { maxTokens: 20 })),
  );
  port1.close();
  assert.ok(waited.length >= 18, `${waited.length} of ${steps}`);
  assert.deepEqual(new Set(waited), new Set([0]));
});

Deno.test("decode time is that of all steps, the last one too; the prompt's token takes none", async () => {
  const scheduler = await open({ conversations: 1 });
  const decodeMs = async (maxTokens: number) => {
    const answer = scheduler.answer(request(prompts[0]!, 1, { maxTokens }));
    let step = await answer.next();
    while (!step.done) step = await answer.next();
    assert.equal(step.value.completionTokens, maxTokens);
    return step.value.decodeMs;
  };
  assert.equal(await decodeMs(1), 0);
  assert.ok(await decodeMs(2) > 0);
});
