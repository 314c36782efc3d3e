/** Servers that go wrong at their k-th answer, for every k of a load, each kind of fault and each file; and what comes after. */
import assert from "node:assert/strict";
import type { Captioner } from "../../sdk/captioner.ts";
import { httpSource } from "../../sdk/sources/http.ts";
import { rejection } from "../sdk/model.ts";
import { tinyPair } from "../sdk/tiny_pair.ts";
import { hurriedTimers } from "./hurried_timers.ts";
import { answersAsEver, openTiny, PAIR } from "./tiny.ts";

const FILES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "/text.gguf": PAIR.text,
  "/vision.gguf": PAIR.vision,
};
const other = tinyPair({}, 99);
const OTHER: typeof FILES = { "/text.gguf": other.text, "/vision.gguf": other.vision };
/** What each source waits for a silent server: told apart, so that the faulty one alone is hurried. */
const IDLE_MS: Readonly<Record<string, number>> = { "/text.gguf": 20_001, "/vision.gguf": 20_002 };

const DEADLINE_MS = 15_000;

/** A range that was asked for. */
interface Asked {
  readonly path: string;
  readonly first: number;
  readonly last: number;
}

function answer({ path, first, last }: Asked, headers: Record<string, string> = {}, body?: BodyInit, status = 206) {
  const bytes = FILES[path]!;
  return new Response(body ?? bytes.slice(first, last + 1), {
    status,
    headers: { "content-range": `bytes ${first}-${last}/${bytes.length}`, etag: '"one"', ...headers },
  });
}

/** Half of the range, then the body's end, or silence. */
function half({ path, first, last }: Asked, end: "close" | "silence"): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const middle = first + Math.floor((last - first + 1) / 2);
      if (middle > first) controller.enqueue(FILES[path]!.slice(first, middle));
      if (end === "close") controller.close();
    },
  });
}

/** A byte, then the range. */
function shifted({ path, first, last }: Asked): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(last - first + 2);
  bytes.set(FILES[path]!.subarray(first, last + 1), 1);
  return bytes;
}

const silence = () => new Promise<Response>(() => {});
type Answer = Response | Promise<Response>;

interface Fault {
  readonly answer: (asked: Asked) => Answer;
  readonly message: RegExp;
  /** Of the body alone: the first one is not read, its head says the file's size. */
  readonly inBody?: true;
  /** The server falls silent. */
  readonly silent?: true;
  /** The first answer says which file it is: there is nothing to compare it with. */
  readonly afterFirst?: true;
}

const LENGTH = /wanted were \d+ bytes from byte \d+, \d+ came/;
const FAULTS: Readonly<Record<string, Fault>> = {
  "200 for a range": {
    answer: (a) => answer(a, {}, FILES[a.path], 200),
    message: /ignored the Range header and answered 200/,
  },
  "404": { answer: (a) => answer(a, {}, "gone", 404), message: /answered 404/ },
  "503": { answer: (a) => answer(a, {}, "busy", 503), message: /answered 503/ },
  "another range": {
    answer: (a) => answer(a, { "content-range": `bytes ${a.first + 1}-${a.last + 1}/${FILES[a.path]!.length}` }),
    message: /the answer's Content-Range is/,
  },
  "gzip": {
    async answer(a) {
      const bytes = new Blob([FILES[a.path]!.slice(a.first, a.last + 1)]);
      const packed = new Response(bytes.stream().pipeThrough(new CompressionStream("gzip")));
      return answer(a, { "content-encoding": "gzip" }, await packed.bytes());
    },
    message: /compressed/,
  },
  "too few bytes": { answer: (a) => answer(a, {}, half(a, "close")), message: LENGTH, inBody: true },
  "a byte too many": {
    answer: (a) => answer(a, {}, new Blob([FILES[a.path]!.slice(a.first, a.last + 1), Uint8Array.of(0)]).stream()),
    ...{ message: LENGTH, inBody: true },
  },
  "another length than the range's": {
    answer: (a) => answer(a, {}, shifted(a)),
    message: /wanted were \d+ bytes from byte \d+, the answer's Content-Length is \d+/,
  },
  "a connection that breaks": {
    answer: (a) => answer(a, { "content-length": `${a.last - a.first + 1}` }, half(a, "close")),
    message: /the connection broke after \d+ of \d+ bytes|the request failed/,
    inBody: true,
  },
  "none": {
    answer: silence,
    message: /sent nothing for 2000\d ms, after 0 of \d+ bytes from byte \d+; try again/,
    silent: true,
  },
  "half of a body": {
    answer: (a) => answer(a, {}, half(a, "silence")),
    message: /sent nothing for 2000\d ms, after \d+ of \d+ bytes/,
    ...{ silent: true, inBody: true },
  },
  "another file": {
    answer: (a) => answer(a, { etag: '"two"' }, OTHER[a.path]!.slice(a.first, a.last + 1)),
    message: /the file changed while it was read: .*one.* became .*two/,
    afterFirst: true,
  },
  "another file's size": {
    answer: (a) => answer(a, { "content-range": `bytes ${a.first}-${a.last}/${FILES[a.path]!.length + 1}` }),
    message: /the file changed while it was read/,
    afterFirst: true,
  },
};

let armed: { readonly fault: Fault; readonly path: string; readonly k: number } | undefined;
/** Requests of a load for each file. */
let asked: Record<string, number> = {};
let hurry: (ms?: number) => void = () => {};

function handle(request: Request): Answer {
  const path = new URL(request.url).pathname;
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range")!)!;
  const range = { path, first: Number(first), last: Number(last) };
  const k = asked[path] ?? 0;
  asked[path] = k + 1;
  if (armed?.path !== path || armed.k !== k) return answer(range);
  if (armed.fault.silent) hurry(IDLE_MS[path]);
  return armed.fault.answer(range);
}

/** Runs `use` beside a server of the tiny pair, from which it can be loaded. */
async function served(use: (open: () => Promise<Captioner>) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: stop.signal }, handle);
  const source = (path: string) =>
    httpSource(`http://127.0.0.1:${server.addr.port}${path}`, { idleTimeoutMs: IDLE_MS[path]! });
  try {
    await use(() => {
      asked = {};
      // what does not let go of a silent server must fail its test, not hang it
      const signal = AbortSignal.timeout(DEADLINE_MS);
      return openTiny({ text: source("/text.gguf"), vision: source("/vision.gguf"), signal });
    });
  } finally {
    armed = undefined;
    stop.abort();
    await server.finished;
  }
}

async function loadsRight(open: () => Promise<Captioner>, what: string): Promise<void> {
  const captioner = await open();
  await answersAsEver(captioner, what);
  await captioner.close();
}

for (const [name, fault] of Object.entries(FAULTS)) {
  Deno.test(`load() over HTTP where a file's k-th answer is ${name}, for every k: source_failed, the next load is right`, async () => {
    await hurriedTimers(async (hurryTimers) => {
      hurry = hurryTimers;
      await served(async (open) => {
        await loadsRight(open, "no fault");
        for (const [path, count] of Object.entries(asked)) {
          assert.ok(count >= 3, `${count} requests for ${path}`);
          for (let k = fault.afterFirst ? 1 : 0; k < count; k++) {
            const what = `answer ${k} of ${path}`;
            armed = { fault, path, k };
            if (fault.inBody && k === 0) await loadsRight(open, what);
            else {
              const { code, message } = await rejection(open());
              assert.equal(code, "source_failed", `${what}: ${message}`);
              assert.match(message, fault.message, what);
              assert.match(message, new RegExp(`^http://127\\.0\\.0\\.1:\\d+${path}: `), what);
            }
            armed = undefined;
            hurry();
            await loadsRight(open, `after ${what}`);
          }
        }
      });
    });
  });
}
