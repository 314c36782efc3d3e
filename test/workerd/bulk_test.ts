/** Captions of a queue's pictures into D1, in real workerd. */
import assert from "node:assert/strict";
import { DOGS } from "../sdk/model.ts";
import { IN_R2, putModel, type RunningWorker, startWorker } from "./worker.ts";

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const bulk = (bindings: Record<string, string> = {}) => ({
  r2Buckets: ["MODELS", "PHOTOS"],
  d1Databases: ["DB"],
  queueProducers: { QUEUE: "photos", DEAD: "photos-dead" },
  queueConsumers: {
    photos: { maxBatchSize: 10, maxBatchTimeout: 0.1, maxRetries: 10, deadLetterQueue: "photos-dead" },
    "photos-dead": { maxBatchSize: 10, maxBatchTimeout: 0.1 },
  },
  bindings: {
    ...IN_R2.bindings,
    CAPTION_MAX_TOKENS: "6",
    CAPTION_RETRY_SECONDS: "1",
    DEAD_LETTER_QUEUE: "photos-dead",
    ...bindings,
  },
});

async function createTables({ miniflare }: RunningWorker): Promise<void> {
  const db = await miniflare.getD1Database("DB");
  const sql = await Deno.readTextFile(new URL("../../cloudflare/schema.sql", import.meta.url));
  for (const statement of sql.replace(/--.*$/gm, "").split(";")) {
    if (statement.trim() !== "") await db.prepare(statement).run();
  }
}

async function rows({ miniflare }: RunningWorker, sql: string): Promise<Record<string, unknown>[]> {
  return (await (await miniflare.getD1Database("DB")).prepare(sql).all()).results;
}

/** Waits for a table to have so many rows, 30 s at most. */
async function rowsOf(worker: RunningWorker, table: string, count: number): Promise<Record<string, unknown>[]> {
  for (let i = 0; i < 300; i++) {
    const found = await rows(worker, `SELECT * FROM ${table} ORDER BY 1, 2`);
    if (found.length >= count) return found;
    await wait(100);
  }
  throw new Error(`${table} has no ${count} rows`);
}

async function putPhoto({ miniflare }: RunningWorker, key: string, bytes: Uint8Array) {
  const { etag, size } = await (await miniflare.getR2Bucket("PHOTOS")).put(key, bytes);
  const event = { account: "a", action: "PutObject", bucket: "photos", object: { key, size, eTag: etag } };
  return { ...event, eventTime: "2026-01-01T00:00:00.000Z" };
}

Deno.test("bulk: an event becomes a caption once; poison and lost pictures do not stay in the queue", async () => {
  await using worker = await startWorker("cloudflare/worker.mjs", bulk());
  await createTables(worker);
  await putModel(worker);
  const queue = await worker.miniflare.getQueueProducer("QUEUE");
  const event = await putPhoto(worker, "dogs.jpg", DOGS);
  await queue.send(event);
  await queue.send(event);
  await queue.send({ hello: "world" });
  await queue.send(await putPhoto(worker, "text.jpg", new TextEncoder().encode("this is no picture")));
  await queue.send({ ...event, action: "DeleteObject" });
  await queue.send({ ...event, object: { key: "gone.jpg", size: 1, eTag: "00" } });
  const dead = await rowsOf(worker, "dead_letters", 2);
  const [caption, ...more] = await rowsOf(worker, "captions", 1);
  assert.equal(more.length, 0);
  assert.deepEqual([caption!.bucket, caption!.object_key, caption!.etag], ["photos", "dogs.jpg", event.object.eTag]);
  assert.match(caption!.caption as string, /^\w+( \w+){3,}/);
  assert.equal(caption!.completion_tokens, 6);
  const reasons = dead.map(({ reason }) => reason as string).sort();
  assert.match(reasons[0]!, /^image_/);
  assert.match(reasons[1]!, /^not an R2 event: action: /);
  assert.deepEqual(dead.map(({ attempts }) => attempts), [1, 1]);
  // a later duplicate, in a batch of its own, and then one for which there is work
  await queue.send(event);
  await queue.send(await putPhoto(worker, "again.jpg", DOGS));
  assert.equal((await rowsOf(worker, "captions", 2)).length, 2);
  assert.equal((await rows(worker, "SELECT * FROM dead_letters")).length, 2);
});

Deno.test("bulk: what fails for a while is tried again later, and captioned", async () => {
  await using worker = await startWorker("cloudflare/worker.mjs", bulk());
  await createTables(worker);
  const queue = await worker.miniflare.getQueueProducer("QUEUE");
  await queue.send(await putPhoto(worker, "dogs.jpg", DOGS));
  let state = "";
  for (let i = 0; i < 100 && state !== "failed"; i++) {
    await wait(50);
    state = (await (await fetch(`${worker.url}/health`)).json()).status;
  }
  assert.equal(state, "failed", "there is no model in the bucket yet");
  await putModel(worker);
  const [row] = await rowsOf(worker, "captions", 1);
  assert.equal(row!.object_key, "dogs.jpg");
  assert.deepEqual(await rows(worker, "SELECT * FROM dead_letters"), []);
});

Deno.test("bulk: what fails again and again, or ended the worker, is kept as a dead letter with the reason", async () => {
  await using worker = await startWorker("cloudflare/worker.mjs", bulk({ CAPTION_MAX_ATTEMPTS: "2" }));
  await createTables(worker);
  const event = await putPhoto(worker, "dogs.jpg", DOGS);
  await (await worker.miniflare.getQueueProducer("QUEUE")).send(event);
  const [letter] = await rowsOf(worker, "dead_letters", 1);
  assert.match(letter!.reason as string, /^model_unavailable: .*the bucket has no such object/);
  assert.deepEqual([letter!.attempts, JSON.parse(letter!.body as string)], [2, event]);
  await (await worker.miniflare.getQueueProducer("DEAD")).send(event);
  const letters = await rowsOf(worker, "dead_letters", 2);
  assert.ok(
    letters.some(({ queue, reason }) => queue === "photos-dead" && /platform gave it up/.test(reason as string)),
  );
});
