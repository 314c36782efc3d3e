/** The queue's consumer against bindings that can be watched and broken; in real workerd it is test/workerd/bulk_test.ts. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { LorisError } from "../../sdk/errors.ts";
import { type BulkEnv, consume, type MessageLike } from "../../src/bulk/consumer.ts";

/** A database that knows the statements of the store alone. */
class Database {
  readonly captions = new Set<string>();
  readonly dead = new Map<string, string>();
  broken = false;

  prepare(sql: string) {
    let values: (string | number | null)[] = [];
    const statement = {
      bind: (...given: (string | number | null)[]) => {
        values = given;
        return statement;
      },
      // deno-lint-ignore require-await -- what is thrown must reject
      first: async <T>() => {
        assert.match(sql, /^SELECT 1/);
        if (this.broken) throw new Error("D1 is away");
        return (this.captions.has(values.join("/")) ? { found: 1 } : null) as T | null;
      },
      run: () => {
        if (sql.includes("INTO captions")) this.captions.add(values.slice(0, 3).join("/"));
        else this.dead.set(values[0] as string, values[3] as string);
        return Promise.resolve();
      },
    };
    return statement;
  }
}

interface Told {
  readonly acked: string[];
  readonly retried: [id: string, delaySeconds: number][];
  readonly captioned: number;
}

const PHOTOS = new Map([["dogs.jpg", { etag: "e1", size: 3 }], ["huge.jpg", { etag: "e2", size: 30 * 2 ** 20 }]]);

async function run(
  messages: readonly Omit<MessageLike, "ack" | "retry">[],
  db: Database,
  failure?: unknown,
  env: Partial<BulkEnv> = {},
): Promise<Told> {
  const told = { acked: [] as string[], retried: [] as [string, number][], captioned: 0 };
  const caption = () => {
    told.captioned++;
    const result = failure === undefined
      ? Promise.resolve({ text: " Dogs.", usage: { completionTokens: 2 } })
      : Promise.reject(failure);
    return { result };
  };
  const captioner = { backend: "wasm-test", caption } as unknown as Captioner;
  const photos = {
    get(key: string) {
      const found = PHOTOS.get(key);
      if (!found) return Promise.resolve(null);
      const response = new Response(new Uint8Array(3));
      return Promise.resolve({ ...found, body: response.body!, arrayBuffer: () => response.arrayBuffer() });
    },
  };
  const batch = messages.map((message) => ({
    ...message,
    ack: () => void told.acked.push(message.id),
    retry: ({ delaySeconds }: { delaySeconds: number }) => void told.retried.push([message.id, delaySeconds]),
  }));
  const bindings = { DB: db, PHOTOS: photos, ...env };
  await consume({ queue: "photos", messages: batch }, bindings, () => Promise.resolve(captioner), () => {});
  return told;
}

const event = (key: string, eTag: string, action = "PutObject") => ({ action, bucket: "b", object: { key, eTag } });

Deno.test("consume() captions a version of a picture once, told of it by any event", async () => {
  const db = new Database();
  const bodies = [event("dogs.jpg", "e1"), event("dogs.jpg", "e1"), event("dogs.jpg", "e0", "CopyObject")];
  const told = await run(bodies.map((body, i) => ({ id: `${i}`, body, attempts: 1 })), db);
  assert.deepEqual(told, { acked: ["0", "1", "2"], retried: [], captioned: 1 });
  assert.deepEqual([...db.captions], ["b/dogs.jpg/e1"]);
  assert.equal(db.dead.size, 0);
});

Deno.test("consume() retries later and later, an hour at most, and gives up with the reason", async () => {
  const failure = new Error("the bucket is away", { cause: new Error("no route") });
  const db = new Database();
  const body = event("dogs.jpg", "e1");
  const attempts = [1, 2, 3, 4, 15, 20];
  const env = { CAPTION_MAX_ATTEMPTS: "20" };
  const told = await run(attempts.map((n) => ({ id: `${n}`, body, attempts: n })), db, failure, env);
  assert.deepEqual(told.retried, [["1", 10], ["2", 20], ["3", 40], ["4", 80], ["15", 3600]]);
  assert.deepEqual(told.acked, ["20"]);
  assert.deepEqual([...db.dead], [["20", "the bucket is away: no route"]]);
});

Deno.test("consume() retries where the database is away, one message after another", async () => {
  const db = new Database();
  db.broken = true;
  const told = await run([{ id: "1", body: event("dogs.jpg", "e1"), attempts: 1 }], db);
  assert.deepEqual(told, { acked: [], retried: [["1", 10]], captioned: 0 });
});

Deno.test("consume() gives up at once what no retry mends, and reads no picture that is too large", async () => {
  const db = new Database();
  const messages = [event("dogs.jpg", "e1"), event("huge.jpg", "e2"), { action: 1 }, "text", null];
  const failure = new LorisError("image_invalid", "the picture is damaged");
  const told = await run(messages.map((body, i) => ({ id: `${i}`, body, attempts: 1 })), db, failure);
  assert.deepEqual([told.acked, told.retried, told.captioned], [["0", "1", "2", "3", "4"], [], 1]);
  assert.equal(db.dead.get("0"), "image_invalid: the picture is damaged");
  assert.match(db.dead.get("1")!, /has 31457280 bytes, allowed are 20971520/);
  for (const id of ["2", "3", "4"]) assert.match(db.dead.get(id)!, /^not an R2 event: /);
});

Deno.test("consume() refuses variables and bindings that are none by name, and takes no message", async () => {
  const message = [{ id: "1", body: event("dogs.jpg", "e1"), attempts: 1 }];
  for (const name of ["CAPTION_MAX_ATTEMPTS", "CAPTION_MAX_TOKENS", "CAPTION_RETRY_SECONDS"]) {
    await assert.rejects(run(message, new Database(), undefined, { [name]: "0" }), {
      code: "argument_invalid",
      param: name,
    });
  }
  const missing = consume({ queue: "photos", messages: [] }, {}, () => Promise.reject(new Error()), () => {});
  await assert.rejects(missing, { code: "argument_invalid", param: "DB" });
});
