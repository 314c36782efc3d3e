/**
 * The whole project on this machine, in the runtime that Cloudflare uses: the built worker with the bindings of wrangler.jsonc,
 * the model in its bucket, the tables in its database. It serves until it is interrupted. Photos that are named are put into the
 * bucket PHOTOS, the queue is told of them as R2 tells it, and what comes into the database is printed.
 *
 * Usage: npm run local -- [--port PORT] [PHOTO...]
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as optionsOf } from "wrangler";

const BUILT = "dist";
const TYPES = { ".js": "ESModule", ".wasm": "CompiledWasm" };
const ROWS = `SELECT object_key AS key, caption AS text FROM captions
  UNION ALL SELECT json_extract(body, '$.object.key'), 'not captioned: ' || reason FROM dead_letters`;
/** Looks at the tables so often. */
const POLL_MS = 100;

const { values: { port }, positionals: photos } = parseArgs({
  options: { port: { type: "string", default: "8787" } },
  allowPositionals: true,
});
const { workerOptions } = optionsOf("wrangler.jsonc");
const [queue] = Object.keys(workerOptions.queueConsumers);
const built = (await readdir(BUILT)).filter((file) => extname(file) in TYPES);
const miniflare = new Miniflare({
  ...workerOptions,
  modulesRoot: BUILT,
  // the code first: that is the worker
  modules: built.sort((a, b) => extname(a).localeCompare(extname(b)))
    .map((file) => ({ type: TYPES[extname(file)], path: `${BUILT}/${file}` })),
  queueProducers: { EVENTS: queue },
  // else it asks a server on the net what a request's `cf` would say
  ...{ cf: false, host: "127.0.0.1", port: Number(port) },
});
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await miniflare.dispose();
    process.exit(0);
  });
}

const models = await miniflare.getR2Bucket("MODELS");
for (const name of ["MODEL_TEXT", "MODEL_VISION"]) {
  const key = workerOptions.bindings[name];
  await models.put(key, await bytesOf(new URL(import.meta.resolve(`loris/models/${key}`))));
}
const db = await miniflare.getD1Database("DB");
const schema = await readFile(new URL(import.meta.resolve("loris/schema.sql")), "utf8");
const tables = schema.replace(/--.*$/gm, "").split(";").filter((sql) => sql.trim() !== "");
await db.batch(tables.map((sql) => db.prepare(sql)));
print((await miniflare.ready).href.replace(/\/$/, ""));

const bucket = await miniflare.getR2Bucket("PHOTOS");
const events = await miniflare.getQueueProducer("EVENTS");
for (const photo of photos) {
  const { key, size, etag: eTag } = await bucket.put(basename(photo), await bytesOf(photo));
  await events.send({ action: "PutObject", bucket: workerOptions.r2Buckets.PHOTOS.id, object: { key, size, eTag } });
}
const printed = new Set();
while (printed.size < photos.length) {
  await setTimeout(POLL_MS);
  const { results } = await db.prepare(ROWS).all();
  for (const { key, text } of results.filter(({ key }) => !printed.has(key))) {
    print(`${key}: ${text}`);
    printed.add(key);
  }
}

/** Node's own kind of array does not pass into the runtime. */
async function bytesOf(file) {
  return new Uint8Array(await readFile(file));
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
