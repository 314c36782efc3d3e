/** Requests that go away, in real workerd, which drops what a request began when that request is over. */
import assert from "node:assert/strict";
import { DOGS } from "../sdk/model.ts";
import { FOLDER } from "./miniflare.ts";
import { RawRequest } from "./raw.ts";
import { captionText, IN_R2, labCounts, putModel, startLab } from "./worker.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const slow = (options: object = {}) => ({
  ...IN_R2,
  bindings: { ...IN_R2.bindings, READ_DELAY_MS: 200, ...options },
});

/** Asks, and goes when the load has begun to read. */
async function leaveDuringLoad(url: string): Promise<void> {
  const request = new RawRequest(`${url}/caption?max_tokens=6`, DOGS, "image/jpeg");
  for (let i = 0; i < 200 && (await labCounts(url)).reads < 4; i++) await wait(20);
  const { heads, reads } = await labCounts(url);
  assert.deepEqual([heads, reads >= 4 && reads < 12], [2, true], `the load is under way (${reads} reads)`);
  request.leave();
}

Deno.test("load: it survives the request that began it, and is shared by those that come meanwhile", async () => {
  await using lab = await startLab(slow());
  await putModel(lab);
  await leaveDuringLoad(lab.url);
  const [first, second] = await Promise.all([captionText(lab.url), captionText(lab.url)]);
  assert.equal(first, second);
  assert.equal((await labCounts(lab.url)).heads, 2, "each file was opened once");
});

Deno.test("load: where the runtime drops it, a request that waits begins its own", async () => {
  await using lab = await startLab(slow({ FORGET_WAIT_UNTIL: true }));
  await putModel(lab);
  await leaveDuringLoad(lab.url);
  const started = performance.now();
  const [first, second] = await Promise.all([captionText(lab.url), captionText(lab.url)]);
  assert.equal(first, second);
  assert.equal((await labCounts(lab.url)).heads, 4, "each file was opened by two loads, not three");
  assert.ok(performance.now() - started < 15_000);
});

Deno.test("cache: what one isolate has read from R2, the next takes from the cache", async () => {
  const cachePersist = await Deno.makeTempDir({ dir: FOLDER, prefix: "cache" });
  const options = { ...slow({ READ_DELAY_MS: 0 }), cachePersist };
  let text: string;
  {
    await using lab = await startLab(options);
    await putModel(lab);
    text = await captionText(lab.url);
    const { reads } = await labCounts(lab.url);
    assert.ok(reads >= 13, `${reads} reads`);
  }
  await using lab = await startLab(options);
  await putModel(lab);
  assert.equal(await captionText(lab.url), text);
  assert.deepEqual(await labCounts(lab.url), { heads: 2, reads: 0 });
  await Deno.remove(cachePersist, { recursive: true });
});

/** Noise: it does not end by itself. */
const LONG = {
  ...{ messages: [{ role: "user", content: "Tell me about a dog." }], stream: true },
  ...{ temperature: 3, seed: 1, max_tokens: 480 },
};

/** Its text; it takes long enough to be seen at work. */
async function answer(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...LONG, stream: false, seed: 2, max_tokens: 150 }),
  });
  const body = await response.text();
  assert.equal(response.status, 200, body);
  return JSON.parse(body).choices[0].message.content;
}

async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Waits until a number is what it should be, for a second at most: an answer of 480 tokens takes longer. */
async function reaches(url: string, name: string, wanted: number): Promise<void> {
  let seen = NaN;
  for (let i = 0; i < 50 && seen !== wanted; i++) {
    seen = await metric(url, name);
    if (seen !== wanted) await wait(20);
  }
  assert.equal(seen, wanted, name);
}

Deno.test("stream: a client that goes stops the work, and those answered together with it are answered", async () => {
  await using lab = await startLab(slow({ READ_DELAY_MS: 0 }));
  await putModel(lab);
  const expected = await answer(lab.url);
  const body = new TextEncoder().encode(JSON.stringify(LONG));
  const request = new RawRequest(`${lab.url}/v1/chat/completions`, body, "application/json");
  for (let i = 0; i < 400 && !request.received.includes('"content":"'); i++) await wait(5);
  assert.match(request.received, /^HTTP\/1\.1 200 /);
  // it is answered by the first one's passes until that one goes, and by its own afterwards
  const other = answer(lab.url);
  await reaches(lab.url, "loris_queue_active", 2);
  request.leave();
  assert.equal(await other, expected);
  await reaches(lab.url, "loris_requests_inside", 0);
  await reaches(lab.url, "loris_queue_active", 0);
  assert.equal(await answer(lab.url), expected);
});
