/** A small storm on both runtimes (`deno task storm` makes a large one), and that it notices what is wrong. */
import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import { createApp } from "../../src/service/app.ts";
import { openSmall } from "../sdk/small_model.ts";
import { equal } from "./answers.ts";
import { ask, askAndLeave } from "./client.ts";
import { Chooser, CONTEXT_TOKENS, question } from "./questions.ts";
import { markdown } from "./report.ts";
import { storm, type StormResult } from "./storm.ts";
import { KEY, startTarget, stormModel, type Target } from "./targets.ts";

const folder = await Deno.makeTempDir();
const pair = await stormModel(folder);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Requests of a round whose clients go. */
const LEFT = 100;

function checkStorm({ failures, equal, kinds, statuses, looks }: StormResult, requests: number): void {
  assert.deepEqual(failures, []);
  const asked = Object.values(kinds).reduce((sum, n) => sum + n, 0);
  assert.equal(asked, requests);
  assert.ok(equal > requests / 2, `${equal} answers`);
  for (const status of [200, 400, 401, 413]) assert.ok(statuses[status]! > 0, `no answer was ${status}`);
  assert.ok(looks.every(({ heap }) => heap.usedBytes > 1e6));
}

for (const [runtime, requests] of [["deno", 300], ["workerd", 150]] as const) {
  Deno.test(`storm: ${requests} requests on ${runtime}: nothing fails, and every answer is the one made alone`, async () => {
    const target = await startTarget(runtime, pair);
    try {
      checkStorm(await storm(target, pair, { requests, seed: 7, looks: [requests] }), requests);
    } finally {
      await target.close();
    }
  });
}

Deno.test("storm: bodies that break off leave nothing of their requests behind in workerd", async () => {
  const target = await startTarget("workerd", pair);
  try {
    const asked = question(new Chooser(new Random(1)));
    assert.equal((await ask(target.url, asked)).status, 200);
    const heaps: number[] = [];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < LEFT; i++) await askAndLeave(target.url, asked, "within the request", 0);
      heaps.push((await target.heap()).usedBytes);
    }
    // code that the engine makes meanwhile is in it; a request with its answer is above 3 KB
    assert.ok(heaps[2]! - heaps[1]! < LEFT * 1500, heaps.join(" "));
  } finally {
    await target.close();
  }
});

/** The service in this process; what it answers goes through `change`. */
async function inProcess(change: (text: string, index: number) => string): Promise<Target & AsyncDisposable> {
  const captioner = await openSmall({ contextTokens: CONTEXT_TOKENS, conversations: 4 });
  const app = createApp(captioner, { apiKeys: [KEY], log: () => {} });
  let index = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const response = await app.fetch(request);
    const { status, headers } = response;
    return new Response(change(await response.text(), index++), { status, headers });
  });
  const close = async () => {
    await server.shutdown();
    await captioner.close();
  };
  return {
    ...{ url: `http://127.0.0.1:${server.addr.port}`, sameEngine: true, close, [Symbol.asyncDispose]: close },
    heap: () => Promise.resolve({ usedBytes: 1, backingBytes: 1 }),
    residentBytes: () => Promise.resolve(undefined),
  };
}

Deno.test("storm: an answer that is another and a place that is never given back are seen", async () => {
  const options = { requests: 60, seed: 3, looks: [] };
  const wrong: Record<string, (text: string, index: number) => string> = {
    "alone it is": (text, i) => i % 9 === 0 ? text.replace(/("content":"|"description":")[^"]/, "$1#") : text,
    "loris_requests_inside 1": (text) => text.replace(/^loris_requests_inside 0$/m, "loris_requests_inside 1"),
  };
  for (const [words, change] of Object.entries(wrong)) {
    await using target = await inProcess(change);
    const { failures } = await storm(target, pair, { ...options, patienceMs: 200 });
    assert.ok(failures.some((failure) => failure.includes(words)), `${words}: ${failures}`);
  }
});

Deno.test("storm: answers differ by text, end, tokens and log probabilities; by their last bits on another engine alone", () => {
  const answer = (logprob: number, text = "a") => ({
    choices: [{ text, finish: "stop", logprobs: { content: [{ token: "a", logprob }] } }],
    tokens: [1, 0, 1] as const,
  });
  assert.ok(equal(answer(-1.5), answer(-1.5), true));
  assert.ok(!equal(answer(-1.5), answer(-1.5, "b"), false));
  assert.ok(!equal(answer(-1.5), undefined, false));
  assert.ok(!equal(answer(-1.5), { ...answer(-1.5), tokens: [1, 0, 2] }, false));
  assert.ok(!equal(answer(-1.5), answer(-1.500001), false));
  assert.deepEqual([true, false].map((same) => equal(answer(-1.5), answer(-1.5 - 2 ** -51), same)), [false, true]);
});

Deno.test("storm: the page tells what was asked, what came of it, and how memory grew", () => {
  const look = (requests: number, usedBytes: number) => ({
    requests,
    heap: { usedBytes, backingBytes: 1e6 },
    residentBytes: undefined,
  });
  const page = markdown({
    ...{ date: "2026-01-01", machine: "M", versions: { deno: "1" } },
    runs: [{
      ...{ runtime: "deno", requests: 100, seed: 1, seconds: 9, equal: 50, again: 2, failures: [] },
      kinds: { text: 60, "wrong: a key": 30, "left after it": 10 },
      statuses: { 200: 60, 401: 30 },
      looks: [look(10, 1e6), look(50, 2e6), look(100, 2.02e6)],
    }],
  });
  assert.match(page, /\| wrong \| 30 \|\n\| left before the end \| 10 \|\n/);
  assert.match(page, /\| deno \| growth from 50 to 100 \| 1\.00 % \| 0\.00 % \| not told here \|/);
});
