/** Sources for workers: R2, a cache in front, assets in parts; each against faults of what is underneath. */
import assert from "node:assert/strict";
import { assetsSource, type PartsManifest } from "../../sdk/sources/assets.ts";
import { cachedSource, type CacheLike } from "../../sdk/sources/cached.ts";
import { type R2BucketLike, r2Source } from "../../sdk/sources/r2.ts";
import type { Source } from "../../sdk/sources/source.ts";

const FILE = Uint8Array.from({ length: 1000 }, (_, i) => i * 7 % 251);

/** A bucket with one object, whose etag and answers can be changed. */
class Bucket implements R2BucketLike {
  etag = "v1";
  bytes: Uint8Array = FILE;
  missing = false;
  /** Bytes too few in each answer. */
  short = 0;
  reads: string[] = [];

  head(): ReturnType<R2BucketLike["head"]> {
    return Promise.resolve(this.missing ? null : { size: this.bytes.length, etag: this.etag });
  }

  get(key: string, { range: { offset, length }, onlyIf }: Parameters<R2BucketLike["get"]>[1]) {
    this.reads.push(`${key}:${offset}+${length}`);
    if (this.missing) return Promise.resolve(null);
    const object = { size: this.bytes.length, etag: this.etag };
    if (onlyIf.etagMatches !== this.etag) return Promise.resolve(object);
    const response = new Response(this.bytes.slice(offset, offset + length - this.short));
    return Promise.resolve({ ...object, body: response.body!, arrayBuffer: () => response.arrayBuffer() });
  }
}

class MemoryCache implements CacheLike {
  readonly entries = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly headers: Headers }>();
  match(url: string): Promise<Response | undefined> {
    const entry = this.entries.get(url);
    return Promise.resolve(entry && new Response(entry.bytes, { headers: entry.headers }));
  }
  async put(url: string, response: Response): Promise<void> {
    this.entries.set(url, { bytes: await response.bytes(), headers: response.headers });
  }
}

async function streamed(source: Source, offset: number, length: number): Promise<number[]> {
  const bytes: number[] = [];
  for await (const piece of source.stream!(offset, length)) bytes.push(...piece);
  return bytes;
}

/** Ranges in and across parts, and refusals of what is none. */
async function checkSource(source: Source): Promise<void> {
  assert.equal(await source.size(), FILE.length);
  for (const [offset, length] of [[0, 1], [299, 2], [0, 1000], [999, 1], [500, 0], [250, 700]] as const) {
    assert.deepEqual(await source.read(offset, length), FILE.slice(offset, offset + length));
    assert.deepEqual(await streamed(source, offset, length), [...FILE.slice(offset, offset + length)]);
  }
  await assert.rejects(source.read(999, 2), { code: "source_failed" });
  await assert.rejects(streamed(source, 1000, 1), { code: "source_failed" });
  await assert.rejects(source.read(-1, 1), RangeError);
  const reason = new Error("enough");
  await assert.rejects(source.read(0, 1, AbortSignal.abort(reason)), reason);
}

Deno.test("r2Source() reads ranges, and refuses what is missing, exchanged or cut", async () => {
  const bucket = new Bucket();
  await checkSource(r2Source(bucket, "m.gguf"));
  const source = r2Source(bucket, "m.gguf");
  await source.read(0, 10);
  bucket.short = 1;
  await assert.rejects(source.read(0, 10), {
    code: "source_failed",
    message: /wanted were 10 bytes from byte 0, 9 came/,
  });
  await assert.rejects(streamed(source, 0, 10), { code: "source_failed" });
  bucket.short = 0;
  bucket.etag = "v2";
  await assert.rejects(source.read(0, 10), { code: "source_failed", message: /changed while it was read/ });
  bucket.missing = true;
  await assert.rejects(source.read(0, 10), { code: "source_failed", message: /deleted/ });
  await assert.rejects(r2Source(bucket, "x").size(), { code: "source_failed", message: /r2:x: .*no such object/ });
});

Deno.test("cachedSource() reads each part once, by the file's version, and from the cache afterwards", async () => {
  const [bucket, cache] = [new Bucket(), new MemoryCache()];
  const hits: boolean[] = [];
  const open = () => cachedSource(r2Source(bucket, "m"), cache, { partBytes: 300, onPart: (hit) => hits.push(hit) });
  await checkSource(open());
  assert.deepEqual([...new Set(bucket.reads)].sort(), ["m:0+300", "m:300+300", "m:600+300", "m:900+100"]);
  assert.equal(bucket.reads.length, 4);
  hits.length = 0;
  await open().read(0, 1000);
  assert.deepEqual(hits, [true, true, true, true]);
  bucket.etag = "v2";
  bucket.bytes = FILE.toReversed();
  assert.deepEqual(await open().read(0, 1000), FILE.toReversed());
  assert.equal(bucket.reads.length, 8);
});

Deno.test("cachedSource() passes by a cache that fails", async () => {
  const bucket = new Bucket();
  const broken: CacheLike = {
    match: () => Promise.reject(new Error("no cache")),
    put: () => Promise.reject(new Error("no cache")),
  };
  await checkSource(cachedSource(r2Source(bucket, "m"), broken, { partBytes: 300 }));
  const source = r2Source(bucket, "m");
  assert.throws(() => cachedSource(source, new MemoryCache(), { partBytes: 0 }), { code: "argument_invalid" });
});

type Entry = MemoryCache["entries"] extends Map<string, infer E> ? E : never;

/** What may become of an entry: undefined where it is lost. */
const DAMAGE: Readonly<Record<string, (entry: Entry, others: readonly Entry[]) => Entry | undefined>> = {
  "is lost": () => undefined,
  "is empty": ({ headers }) => ({ bytes: new Uint8Array(0), headers }),
  "was cut": ({ bytes, headers }) => ({ bytes: bytes.slice(0, -1), headers }),
  "was cut and filled up with zeros": ({ bytes, headers }) => ({ bytes: bytes.map((b, i) => i < 50 ? b : 0), headers }),
  "has a byte more": ({ bytes, headers }) => ({ bytes: Uint8Array.of(...bytes, 0), headers }),
  "has one bit turned": ({ bytes, headers }) => ({ bytes: bytes.map((b, i) => i === 70 ? b ^ 1 : b), headers }),
  "has another part's bytes": ({ headers }, others) => ({ bytes: others[0]!.bytes, headers }),
  "does not say what it holds": ({ bytes }) => ({ bytes, headers: new Headers() }),
};

for (const [what, damage] of Object.entries(DAMAGE)) {
  Deno.test(`cachedSource() reads a part from its source, and mends the cache, where its entry ${what}, for every part`, async () => {
    const [bucket, cache] = [new Bucket(), new MemoryCache()];
    const read = () => cachedSource(r2Source(bucket, "m"), cache, { partBytes: 250 }).read(0, 1000);
    await read();
    const whole = new Map(cache.entries);
    assert.equal(whole.size, 4);
    for (const [k, [url, entry]] of [...whole].entries()) {
      const damaged = damage(entry, [...whole.values()].filter((other) => other !== entry));
      if (damaged) cache.entries.set(url, damaged);
      else cache.entries.delete(url);
      bucket.reads.length = 0;
      assert.deepEqual(await read(), FILE);
      assert.deepEqual(bucket.reads, [`m:${250 * k}+250`]);
      assert.deepEqual(cache.entries.get(url)?.bytes, entry.bytes);
      assert.deepEqual(await read(), FILE);
      assert.equal(bucket.reads.length, 1, "it was mended");
    }
  });
}

Deno.test("cachedSource() reads a part from its source where the cache's answer breaks off", async () => {
  const bucket = new Bucket();
  const breaking: CacheLike = {
    match: () => Promise.resolve(new Response(new ReadableStream({ start: (c) => c.error(new Error("gone")) }))),
    put: () => Promise.resolve(),
  };
  await checkSource(cachedSource(r2Source(bucket, "m"), breaking, { partBytes: 300 }));
});

/** Assets of a file cut into parts. */
async function cut(partBytes: number): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const assets = new Map<string, Uint8Array<ArrayBuffer>>();
  const parts: { file: string; sha256: string }[] = [];
  for (let at = 0; at < FILE.length; at += partBytes) {
    const bytes = FILE.slice(at, at + partBytes);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    parts.push({ file: `text.${parts.length}.part`, sha256: digest.toHex() });
    assets.set(`/model/${parts.at(-1)!.file}`, bytes);
  }
  const manifest: PartsManifest = { bytes: FILE.length, partBytes, parts };
  assets.set("/model/text.json", new TextEncoder().encode(JSON.stringify(manifest)));
  return assets;
}

const fetcher = (assets: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) => ({
  fetch(url: string): Promise<Response> {
    const bytes = assets.get(new URL(url).pathname);
    return Promise.resolve(bytes ? new Response(bytes) : new Response("no", { status: 404 }));
  },
});

Deno.test("assetsSource() joins parts, and refuses damaged, cut and missing ones and manifests that are none", async () => {
  const url = "https://assets.invalid/model/text.json";
  const assets = await cut(300);
  await checkSource(assetsSource(fetcher(assets), url));
  const refused = async (path: string, bytes: Uint8Array<ArrayBuffer> | undefined, message: RegExp) => {
    const changed = new Map(assets);
    if (bytes) changed.set(path, bytes);
    else changed.delete(path);
    await assert.rejects(assetsSource(fetcher(changed), url).read(0, 1000), { code: "source_failed", message });
  };
  const part = "/model/text.1.part";
  await refused(part, assets.get(part)!.map((byte) => byte ^ 1), /text\.1\.part has the digest/);
  await refused(part, assets.get(part)!.slice(1), /wanted were 300 bytes/);
  await refused(part, undefined, /answered with 404; upload/);
  await refused("/model/text.json", undefined, /answered with 404/);
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const manifest = JSON.parse(new TextDecoder().decode(assets.get("/model/text.json")));
  await refused("/model/text.json", new TextEncoder().encode("<html>"), /not JSON/);
  await refused("/model/text.json", json(null), /`bytes`/);
  await refused("/model/text.json", json({ ...manifest, bytes: 1300 }), /must list 5 parts/);
  await refused("/model/text.json", json({ ...manifest, parts: [{}, {}, {}, {}] }), /no `file`/);
});
