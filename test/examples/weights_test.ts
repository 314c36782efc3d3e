/** The browser example's store of a model file; `test/browser` looks at all of it in a browser. */
import assert from "node:assert/strict";
import { keyOf, type WeightsEvents, type WeightsFile, weightsSource } from "../../examples/browser/weights.ts";
import { LorisError, type Source } from "../../sdk/mod.ts";
import { sha256Hex } from "../../sdk/platform/digest.ts";
import type { CacheLike } from "../../sdk/sources/cached.ts";

const PART_BYTES = 100;
const bytes = Uint8Array.from({ length: 350 }, (_, i) => i * i % 251);
const file: WeightsFile = {
  ...{ file: "model.gguf", bytes: bytes.length, partBytes: PART_BYTES },
  sha256: await Promise.all([0, 100, 200, 300].map((at) => sha256Hex(bytes.subarray(at, at + PART_BYTES)))),
};

/** A server, whose requests are noted by their offsets; pieces come 30 bytes at a time. */
function network(content: Uint8Array = bytes): Source & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    ...{ name: "network", asked, size: () => Promise.resolve(content.length) },
    read: () => Promise.reject(new Error("a stream shows progress")),
    async *stream(offset, length) {
      asked.push(offset);
      await Promise.resolve();
      for (let at = offset; at < offset + length; at += 30) {
        yield content.subarray(at, Math.min(at + 30, offset + length));
      }
    },
  };
}

function memoryCache(): CacheLike & { readonly entries: Map<string, Uint8Array> } {
  const entries = new Map<string, Uint8Array>();
  return {
    entries,
    match: (key) =>
      Promise.resolve(entries.has(key) ? new Response(entries.get(key) as Uint8Array<ArrayBuffer>) : undefined),
    put: async (key, response) => void entries.set(key, new Uint8Array(await response.arrayBuffer())),
  };
}

function counts() {
  const seen = { fetched: 0, kept: 0, damaged: 0, notKept: [] as string[] };
  const events: WeightsEvents = {
    fetched: (n) => seen.fetched += n,
    kept: (n) => seen.kept += n,
    damaged: () => seen.damaged++,
    notKept: (reason) => seen.notKept.push(reason),
  };
  return { seen, events };
}

async function all(source: Source): Promise<Uint8Array> {
  return await source.read(0, await source.size());
}

async function refused(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof LorisError && error.code === "source_failed", String(error));
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("weights: fetched once, part by part, then taken from the cache, each part counted once", async () => {
  const cache = memoryCache();
  const [first, server] = [counts(), network()];
  const source = weightsSource(file, server, cache, first.events);
  assert.deepEqual(await all(source), bytes);
  assert.deepEqual(await source.read(40, 100), bytes.subarray(40, 140));
  assert.deepEqual(first.seen, { fetched: 350, kept: 0, damaged: 0, notKept: [] });
  assert.deepEqual([...cache.entries.keys()], file.sha256.map(keyOf));
  assert.deepEqual(server.asked, [0, 100, 200, 300]);

  const second = counts();
  const nobody = network(new Uint8Array());
  assert.deepEqual(await all(weightsSource(file, nobody, cache, second.events)), bytes);
  assert.deepEqual(second.seen, { fetched: 0, kept: 350, damaged: 0, notKept: [] });
  assert.deepEqual(nobody.asked, []);
});

/** What may become of part k in the cache. */
const DAMAGE: Readonly<Record<string, (part: Uint8Array) => Uint8Array | "breaks off">> = {
  "is empty": () => new Uint8Array(0),
  "was cut": (part) => part.slice(0, -1),
  "was cut and filled up with zeros": (part) => part.map((byte, i) => i < 20 ? byte : 0),
  "has a byte more": (part) => Uint8Array.of(...part, 0),
  "has one bit turned": (part) => part.map((byte, i) => i === 30 ? byte ^ 1 : byte),
  "has another part's bytes": (part) => part.toReversed(),
  "breaks off when it is read": () => "breaks off",
};

for (const [what, damage] of Object.entries(DAMAGE)) {
  Deno.test(`weights: a part whose entry ${what} is fetched again, and mended in the cache, for every part`, async () => {
    const cache = memoryCache();
    await all(weightsSource(file, network(), cache, counts().events));
    for (const [k, sha256] of file.sha256.entries()) {
      const [key, part] = [keyOf(sha256), bytes.slice(100 * k, 100 * k + 100)];
      const damaged = damage(part);
      if (damaged !== "breaks off") cache.entries.set(key, damaged);
      const breaking: CacheLike = {
        ...cache,
        match: (asked) =>
          damaged === "breaks off" && asked === key
            ? Promise.resolve(new Response(new ReadableStream({ start: (c) => c.error(new Error("gone")) })))
            : cache.match(asked),
      };
      const [{ seen, events }, server] = [counts(), network()];
      assert.deepEqual(await all(weightsSource(file, server, breaking, events)), bytes);
      assert.deepEqual(server.asked, [100 * k]);
      assert.deepEqual(seen, { fetched: part.length, kept: 350 - part.length, damaged: 1, notKept: [] });
      assert.deepEqual(cache.entries.get(key), part);
    }
  });
}

Deno.test("weights: what the server has instead is refused and not kept", async () => {
  const cache = memoryCache();
  const other = bytes.map((byte, i) => i === 120 ? byte ^ 1 : byte);
  await refused(
    all(weightsSource(file, network(other), cache, counts().events)),
    /^model\.gguf: part 1 came with the digest [0-9a-f]{64}, this page was built with [0-9a-f]{64}; close it and open it again$/,
  );
  assert.ok(!cache.entries.has(keyOf(file.sha256[1]!)));
  assert.equal(cache.entries.size, 1);
  const cut = weightsSource(file, network(bytes.subarray(0, 349)), undefined, counts().events);
  await refused(
    all(cut),
    /^model\.gguf: the server has 349 bytes, this page was built with 350; close it and open it again$/,
  );
});

Deno.test("weights: a part that failed is asked for again by the next read", async () => {
  let broken = true;
  const server = network();
  const flaky: Source = {
    ...server,
    async *stream(offset, length, signal) {
      if (broken && offset === 100) throw new LorisError("source_failed", "the connection broke");
      yield* server.stream!(offset, length, signal);
    },
  };
  const source = weightsSource(file, flaky, memoryCache(), counts().events);
  await refused(all(source), /the connection broke/);
  broken = false;
  assert.deepEqual(await all(source), bytes);
  assert.deepEqual(server.asked, [0, 100, 200, 300], "the part that had come was kept");
});

Deno.test("weights: a cache that keeps nothing is told of, and the model works without it", async () => {
  const full: CacheLike = {
    match: () => Promise.reject(new Error("no access")),
    put: () => Promise.reject(new DOMException("the quota is used up", "QuotaExceededError")),
  };
  const { seen, events } = counts();
  assert.deepEqual(await all(weightsSource(file, network(), full, events)), bytes);
  assert.equal(seen.fetched, 350);
  assert.deepEqual(seen.notKept, Array(4).fill("QuotaExceededError: the quota is used up"));
});
