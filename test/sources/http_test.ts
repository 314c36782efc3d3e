import assert from "node:assert/strict";
import { httpSource } from "../../sdk/sources/http.ts";
import type { Source } from "../../sdk/sources/source.ts";

const FILE = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const ETAG = '"one"';
/** A source that does not let go of a stalled answer must fail its test, not hang it. */
const DEADLINE_MS = 10_000;

/** What a request asked for, as a server sees it. */
interface Asked {
  readonly first: number;
  readonly last: number;
  /** How many range requests came before; the first only learns the size. */
  readonly count: number;
  readonly headers: Headers;
}

/** The right answer, with some of its parts replaced. */
function answer({ first, last }: Asked, headers: Record<string, string> = {}, body?: BodyInit, status = 206): Response {
  return new Response(body ?? FILE.slice(first, last + 1), {
    status,
    headers: { "content-range": `bytes ${first}-${last}/${FILE.length}`, etag: ETAG, ...headers },
  });
}

/** Runs `use` on a source behind a server of its own that answers by `handle`. */
async function served(
  handle: (asked: Asked) => Response | Promise<Response>,
  use: (source: Source) => Promise<void>,
  headers?: Record<string, string>,
): Promise<void> {
  let count = 0;
  // ended by its signal, not by shutdown(), which waits for answers that stall
  const stop = new AbortController();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: stop.signal }, (request) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
    if (!match) return new Response("no range was asked for", { status: 400 });
    return handle({ first: Number(match[1]), last: Number(match[2]), count: count++, headers: request.headers });
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`nothing came of it in ${DEADLINE_MS} ms`)), DEADLINE_MS);
  try {
    const source = httpSource(new URL(`http://127.0.0.1:${server.addr.port}/m.gguf`), headers ? { headers } : {});
    await Promise.race([use(source), late.promise]);
  } finally {
    clearTimeout(timer);
    stop.abort();
    await server.finished;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const chunk of chunks) all.push(...chunk);
  return all;
}

const failed = (message: RegExp) => ({ name: "LorisError", code: "source_failed", message });

Deno.test("httpSource() reads and streams ranges, with the caller's headers and without compression", async () => {
  const seen: Headers[] = [];
  const handle = (asked: Asked) => (seen.push(asked.headers), answer(asked));
  await served(handle, async (source) => {
    assert.match(source.name, /^http:\/\/127\.0\.0\.1:\d+\/m\.gguf$/);
    assert.equal(await source.size(), FILE.length);
    for (const [offset, length] of [[0, 1], [5, 70_000], [FILE.length - 3, 3], [0, FILE.length]] as const) {
      assert.deepEqual(await source.read(offset, length), FILE.subarray(offset, offset + length));
      assert.deepEqual(await collect(source.stream!(offset, length)), [...FILE.subarray(offset, offset + length)]);
    }
    const before = seen.length;
    assert.equal((await source.read(7, 0)).length, 0);
    assert.equal(seen.length, before, "no request is needed for no bytes");
  }, { authorization: "Bearer x" });
  for (const headers of seen) {
    assert.equal(headers.get("authorization"), "Bearer x");
    assert.equal(headers.get("accept-encoding"), "identity");
  }
});

Deno.test("httpSource() refuses ranges outside the file without asking for them", async () => {
  let requests = 0;
  await served((asked) => (requests++, answer(asked)), async (source) => {
    await assert.rejects(
      source.read(FILE.length, 1),
      failed(/wanted were bytes 100000 to 100001, the file has 100000/),
    );
    await assert.rejects(collect(source.stream!(99_999, 2)), failed(/the file has 100000/));
    for (const [offset, length] of [[-1, 1], [0, -1], [0.5, 1], [0, NaN], [2 ** 53, 1]] as const) {
      await assert.rejects(source.read(offset, length), RangeError);
    }
    assert.equal(requests, 1);
  });
});

/** A body of which the head does not say how long it is. */
function chunked(from: number, to: number): ReadableStream<Uint8Array> {
  return new Blob([FILE.slice(from, to)]).stream();
}

/** Faults of answers after the first, which is right: what a read of bytes 10 to 1009 then meets. */
const FAULTS: readonly [what: string, fault: (asked: Asked) => Response, message: RegExp][] = [
  ["200 with the whole file", (a) => answer(a, {}, FILE, 200), /the server ignored the Range header and answered 200/],
  ["404", (a) => answer(a, {}, "gone", 404), /the server answered 404 Not Found/],
  ["416", (a) => answer(a, {}, "", 416), /the server answered 416/],
  ["500", (a) => answer(a, {}, "oops", 500), /the server answered 500/],
  ["204 without a body", (a) => new Response(null, { status: 204, headers: answer(a).headers }), /answered 204/],
  [
    "another range",
    (a) => answer(a, { "content-range": `bytes 0-999/${FILE.length}` }),
    /wanted were bytes 10-1009, the answer's Content-Range is bytes 0-999\/100000/,
  ],
  [
    "a part of the range, honestly",
    (a) => answer(a, { "content-range": `bytes 10-99/${FILE.length}` }, FILE.slice(10, 100)),
    /Content-Range is bytes 10-99\/100000/,
  ],
  ["an unknown size", (a) => answer(a, { "content-range": "bytes 10-1009/*" }), /Content-Range is bytes 10-1009\/\*/],
  [
    "no range",
    (a) => new Response(FILE.slice(10, 1010), { status: 206, headers: { etag: a.count ? ETAG : "" } }),
    /\(none\)/,
  ],
  ["words for a range", (a) => answer(a, { "content-range": "lines 1-2/3" }), /Content-Range is lines 1-2\/3/],
  ["too few bytes", (a) => answer(a, {}, chunked(10, 1009)), /wanted were 1000 bytes from byte 10, 999 came/],
  ["no bytes", (a) => answer(a, {}, chunked(10, 10)), /wanted were 1000 bytes from byte 10, 0 came/],
  ["too many bytes", (a) => answer(a, {}, chunked(10, 1011)), /wanted were 1000 bytes from byte 10, 1001 came/],
  [
    "too few bytes, as its head says",
    (a) => answer(a, {}, FILE.slice(10, 1009)),
    /wanted were 1000 bytes from byte 10, the answer's Content-Length is 999/,
  ],
  ["too many bytes, as its head says", (a) => answer(a, {}, FILE.slice(10, 1011)), /Content-Length is 1001/],
  ["another ETag", (a) => answer(a, { etag: '"two"' }), /the file changed while it was read: .*one.* became .*two/],
  ["another date", (a) => answer(a, { "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT" }), /the file changed/],
  [
    "another size",
    (a) => answer(a, { "content-range": `bytes 10-1009/${FILE.length + 1}` }),
    /the file changed while it was read: .*100000.* became .*100001/,
  ],
];

for (const [what, fault, message] of FAULTS) {
  Deno.test(`httpSource() refuses an answer with ${what}, read or streamed`, async () => {
    await served((asked) => asked.count === 0 ? answer(asked) : fault(asked), async (source) => {
      assert.equal(await source.size(), FILE.length);
      await assert.rejects(source.read(10, 1000), failed(message));
      await assert.rejects(collect(source.stream!(10, 1000)), failed(message));
    });
  });
}

Deno.test("httpSource() refuses compressed ranges, whether or not the runtime unpacks them", async () => {
  const packed = async (a: Asked) => {
    const whole = new Blob([FILE.slice(0, a.last - a.first + 1)]).stream().pipeThrough(new CompressionStream("gzip"));
    // a range of a compressed file: cut, so that it cannot be unpacked to the right length
    const bytes = new Uint8Array(await new Response(whole).arrayBuffer()).slice(0, 300);
    return answer(a, { "content-encoding": "gzip" }, bytes);
  };
  await served((asked) => asked.count === 0 ? answer(asked) : packed(asked), async (source) => {
    await assert.rejects(source.read(10, 1000), failed(/compressed|the connection broke|bytes from byte 10/));
  });
  const labelled = httpSource("http://x/m.gguf", {
    fetch: () =>
      Promise.resolve(answer({ first: 0, last: 0, count: 0, headers: new Headers() }, { "content-encoding": "br" })),
  });
  await assert.rejects(labelled.size(), failed(/the server compressed the range \(Content-Encoding: br\)/));
});

Deno.test("httpSource() refuses a server without ranges, and an empty file, at the first request", async () => {
  await served((a) => answer(a, {}, FILE, 200), (source) => assert.rejects(source.size(), failed(/answered 200/)));
  await served((a) => answer(a, {}, "", 416), (source) => assert.rejects(source.size(), failed(/answered 416/)));
});

Deno.test("httpSource() reports a connection that breaks within an answer, and one that is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const serving = (async () => {
    for (let count = 0; count < 2; count++) {
      const connection = await listener.accept();
      await connection.read(new Uint8Array(4096));
      const [first, last] = count === 0 ? [0, 0] : [10, 1009];
      const head = `HTTP/1.1 206 Partial Content\r\nconnection: close\r\ncontent-length: ${last - first + 1}\r\n` +
        `content-range: bytes ${first}-${last}/${FILE.length}\r\n\r\n`;
      await connection.write(new TextEncoder().encode(head + "x".repeat(count === 0 ? 1 : 400)));
      connection.close();
    }
    listener.close();
  })();
  const source = httpSource(`http://127.0.0.1:${port}/m.gguf`);
  await assert.rejects(source.read(10, 1000), failed(/the connection broke after (400|0) of 1000 bytes from byte 10/));
  await serving;
  await assert.rejects(source.read(10, 1000), failed(/the request failed: /));
});

/** An answer that sends 400 bytes and then nothing more, until its reader goes. */
function stalled(asked: Asked, gone: () => void): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(FILE.slice(asked.first, asked.first + 400)),
    cancel: gone,
  });
  return answer(asked, {}, body);
}

Deno.test("httpSource() gives up a stalled answer with the signal's reason, and the server sees it go", async () => {
  const reason = new Error("no patience");
  const gone = Promise.withResolvers<void>();
  await served((asked) => asked.count === 0 ? answer(asked) : stalled(asked, gone.resolve), async (source) => {
    const abort = new AbortController();
    const chunks = source.stream!(10, 1000, abort.signal)[Symbol.asyncIterator]();
    assert.equal((await chunks.next()).value!.length, 400);
    const next = chunks.next();
    abort.abort(reason);
    await assert.rejects(next, (e) => e === reason);
    await gone.promise;
    await assert.rejects(source.read(10, 1000, AbortSignal.abort(reason)), (e) => e === reason);
  });
});

Deno.test("httpSource() refuses an idleTimeoutMs that is none, by name", () => {
  for (const idleTimeoutMs of [0, -1, NaN, 2 ** 31, "1" as unknown as number]) {
    assert.throws(() => httpSource("http://x/", { idleTimeoutMs }), {
      code: "argument_invalid",
      param: "idleTimeoutMs",
    });
  }
  assert.equal(httpSource("http://x/", { idleTimeoutMs: Infinity }).name, "http://x/");
});

Deno.test("httpSource() ends its request when a stream is left early", async () => {
  const gone = Promise.withResolvers<void>();
  await served((asked) => asked.count === 0 ? answer(asked) : stalled(asked, gone.resolve), async (source) => {
    for await (const chunk of source.stream!(10, 1000)) {
      assert.equal(chunk.length, 400);
      break;
    }
    await gone.promise;
  });
});
