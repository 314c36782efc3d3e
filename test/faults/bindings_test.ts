/** Cloudflare's bindings that go wrong at their k-th call, for every k of a load: R2, a cache in front of it, assets. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { sha256Hex } from "../../sdk/platform/digest.ts";
import { assetsSource, type FetcherLike } from "../../sdk/sources/assets.ts";
import { cachedSource, type CacheLike } from "../../sdk/sources/cached.ts";
import { type R2BucketLike, r2Source } from "../../sdk/sources/r2.ts";
import { rejection } from "../sdk/model.ts";
import { answersAsEver, openTiny, PAIR } from "./tiny.ts";

const PART_BYTES = 40_000;
const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = PAIR;
const reason = new Error("no patience");

/** What a call gives instead. @param stall Of a call that never ends. */
type Wrong<T> = (right: () => T, stall: () => Promise<never>) => T | Promise<T>;

/** Counts a binding's calls; one of them can go wrong. */
class Calls {
  #at: number;
  #count = 0;
  readonly #patience = new AbortController();

  constructor(at = -1) {
    this.#at = at;
  }

  get count(): number {
    return this.#count;
  }

  /** Aborted when a call never ends: no binding takes a signal. */
  get signal(): AbortSignal {
    return this.#patience.signal;
  }

  async answer<T>(right: () => T, wrong: Wrong<T>): Promise<T> {
    if (this.#count++ !== this.#at) return await right();
    return await wrong(right, () => {
      this.#patience.abort(reason);
      return new Promise<never>(() => {});
    });
  }
}

const gone = () => {
  throw new Error("gone");
};
const breaking = () => new ReadableStream<Uint8Array>({ start: (c) => c.error(new Error("gone")) });

type R2Object = Awaited<ReturnType<R2BucketLike["get"]>>;
const R2_FAULTS: Readonly<Record<string, Wrong<R2Object>>> = {
  "rejects": gone,
  "never ends": (_, stall) => stall(),
  "finds nothing": () => null,
  "finds another version": (right) => ({ size: right()!.size, etag: "v2" }),
  "is cut": (right) => ({ ...right()!, ...body(new Uint8Array(0)) }),
  "breaks off": (right) => ({ ...right()!, body: breaking(), arrayBuffer: () => Promise.reject(new Error("gone")) }),
};
/** A look at an object has no body. */
const OF_BODIES: readonly string[] = ["is cut", "breaks off"];

function body(bytes: Uint8Array<ArrayBuffer>) {
  const response = new Response(bytes);
  return { body: response.body!, arrayBuffer: () => response.arrayBuffer() };
}

function bucket(calls: Calls, fault: string): R2BucketLike {
  const known = (key: string) => ({ size: FILES[key]!.length, etag: "v1" });
  return {
    head: (key) => calls.answer<R2Object>(() => known(key), OF_BODIES.includes(fault) ? () => null : R2_FAULTS[fault]!),
    get: (key, { range: { offset, length }, onlyIf }) =>
      calls.answer<R2Object>(
        () => ({
          ...known(key),
          ...(onlyIf.etagMatches === "v1" ? body(FILES[key]!.slice(offset, offset + length)) : {}),
        }),
        R2_FAULTS[fault]!,
      ),
  };
}

/** A cache, of which the k-th call goes wrong: all that may come of it is that a part is read from the bucket. */
const CACHE_FAULTS: Readonly<Record<string, Wrong<Response | undefined | void>>> = {
  "rejects": gone,
  "has nothing": () => undefined,
  "has something else": () => new Response("another page"),
  "breaks off": () => new Response(breaking()),
};

function cache(calls: Calls, fault: string): CacheLike {
  const entries = new Map<string, Response>();
  return {
    match: async (url) =>
      await calls.answer<Response | undefined>(
        () => entries.get(url)?.clone(),
        CACHE_FAULTS[fault] as Wrong<Response | undefined>,
      ),
    put: async (url, response) => {
      await calls.answer<void>(() => void entries.set(url, response), async (right, stall) => {
        await CACHE_FAULTS[fault]!(right, stall);
      });
    },
  };
}

type Answered = Awaited<ReturnType<FetcherLike["fetch"]>>;
const ASSET_FAULTS: Readonly<Record<string, Wrong<Answered>>> = {
  "rejects": gone,
  "never ends": (_, stall) => stall(),
  "is a page": () => new Response("<html>"),
  "is 404": () => new Response("no", { status: 404 }),
  "is empty": () => new Response(null),
  "breaks off": () => new Response(breaking()),
};

const assets = new Map<string, Uint8Array<ArrayBuffer>>();
for (const [name, bytes] of Object.entries(FILES)) {
  const parts: { file: string; sha256: string }[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    const part = bytes.slice(at, at + PART_BYTES);
    parts.push({ file: `${name}.${parts.length}.part`, sha256: await sha256Hex(part) });
    assets.set(`/${parts.at(-1)!.file}`, part);
  }
  const manifest = { bytes: bytes.length, partBytes: PART_BYTES, parts };
  assets.set(`/${name}.json`, new TextEncoder().encode(JSON.stringify(manifest)));
}

function fetcher(calls: Calls, fault: string): FetcherLike {
  return {
    fetch: (url) =>
      calls.answer<Answered>(() => new Response(assets.get(new URL(url).pathname)!), ASSET_FAULTS[fault]!),
  };
}

const perFile = <T>(source: (name: string) => T) => ({ text: source("text"), vision: source("vision") });
const NONE = new Calls();

/** How a model is loaded through calls of which one goes wrong; `heals`: then it is loaded all the same. */
const BINDINGS = {
  R2: {
    faults: R2_FAULTS,
    heals: false,
    open: (calls: Calls, fault: string) => {
      const files = bucket(calls, fault);
      return openTiny({ ...perFile((name) => r2Source(files, name)), signal: calls.signal });
    },
  },
  "R2 behind a cache": {
    faults: R2_FAULTS,
    heals: false,
    open: (calls: Calls, fault: string) => {
      const [files, near] = [bucket(calls, fault), cache(NONE, "has nothing")];
      const options = { partBytes: PART_BYTES };
      return openTiny({
        ...perFile((name) => cachedSource(r2Source(files, name), near, options)),
        signal: calls.signal,
      });
    },
  },
  "a cache": {
    faults: CACHE_FAULTS,
    heals: true,
    open: (calls: Calls, fault: string) => {
      const [files, near] = [bucket(NONE, "rejects"), cache(calls, fault)];
      return openTiny(perFile((name) => cachedSource(r2Source(files, name), near, { partBytes: PART_BYTES })));
    },
  },
  assets: {
    faults: ASSET_FAULTS,
    heals: false,
    open: (calls: Calls, fault: string) => {
      const files = fetcher(calls, fault);
      const source = (name: string) => assetsSource(files, `https://assets.invalid/${name}.json`);
      return openTiny({ ...perFile(source), signal: calls.signal });
    },
  },
} as const;

async function closeRight(captioner: Captioner, what: string): Promise<void> {
  await answersAsEver(captioner, what);
  await captioner.close();
}

for (const [name, { faults, heals, open }] of Object.entries(BINDINGS)) {
  for (const fault of Object.keys(faults)) {
    const outcome = heals ? "loads all the same" : "source_failed";
    Deno.test(`load() where the k-th call of ${name} ${fault}, for every k: ${outcome}, and the next load is right`, async () => {
      const counting = new Calls();
      await closeRight(await open(counting, fault), "no fault");
      assert.ok(counting.count >= 6, `${counting.count} calls`);
      for (let k = 0; k < counting.count; k++) {
        const what = `${fault}, call ${k}`;
        if (heals) {
          await closeRight(await open(new Calls(k), fault), what);
          continue;
        }
        const error = await rejection(open(new Calls(k), fault));
        if (fault === "never ends") assert.equal(error, reason, what);
        else assert.deepEqual([error.name, error.code], ["LorisError", "source_failed"], `${what}: ${error.message}`);
        await closeRight(await open(new Calls(), fault), `after ${what}`);
      }
    });
  }
}
