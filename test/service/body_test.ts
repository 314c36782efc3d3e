import assert from "node:assert/strict";
import { parseJson, readBody } from "../../src/service/body.ts";

const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255);

/** A body in pieces; with a length announced, right or wrong, if one is given. */
function request(pieces: readonly Uint8Array<ArrayBuffer>[], announced?: number): Request {
  const headers: Record<string, string> = announced === undefined ? {} : { "content-length": String(announced) };
  return new Request("http://x/", { method: "POST", body: ReadableStream.from(pieces), headers });
}
const pieces = (bytes: number) =>
  Array.from({ length: Math.ceil(BYTES.length / bytes) }, (_, i) => BYTES.slice(i * bytes, (i + 1) * bytes));

async function read(from: Request, maxBytes = 1 << 20): Promise<{ body: Uint8Array; held: number[] }> {
  const held: number[] = [];
  const { signal } = new AbortController();
  return { body: await readBody(from, { maxBytes, signal, hold: (bytes) => held.push(bytes) }), held };
}

Deno.test("readBody() takes memory once where the length is announced, and counts it before a byte comes", async () => {
  const { body, held } = await read(request(pieces(1000), BYTES.length));
  assert.deepEqual(body, BYTES);
  assert.deepEqual(held, [BYTES.length]);
  assert.equal(body.buffer.byteLength, BYTES.length);
});

Deno.test("readBody() grows where the length is not announced, or too small, and counts all that it takes", async () => {
  for (const announced of [undefined, 10]) {
    const { body, held } = await read(request(pieces(1000), announced));
    assert.deepEqual(body, BYTES);
    assert.equal(held.reduce((sum, bytes) => sum + bytes, 0), body.buffer.byteLength);
    assert.ok(held.length < 20 && body.buffer.byteLength < 2 * BYTES.length, `${held}`);
  }
});

Deno.test("readBody() refuses what is too long, announced or not, and takes no more than is allowed", async () => {
  for (const announced of [BYTES.length, undefined, 10]) {
    await assert.rejects(read(request(pieces(1000), announced), 100_000), { status: 413, code: "body_too_large" });
  }
  const { body, held } = await read(request(pieces(1000)), BYTES.length);
  assert.equal(held.reduce((sum, bytes) => sum + bytes, 0), body.length);
});

Deno.test("readBody() passes on what hold() throws", async () => {
  const full = new Error("full");
  const { signal } = new AbortController();
  const hold = () => {
    throw full;
  };
  await assert.rejects(readBody(request([BYTES]), { maxBytes: 1 << 20, signal, hold }), { cause: full });
  await assert.rejects(readBody(request([BYTES], 300_000), { maxBytes: 1 << 20, signal, hold }), { cause: full });
});

Deno.test("parseJson() gives the bytes back, whether they are JSON or not", () => {
  const right = new TextEncoder().encode('{"a":1}');
  assert.deepEqual(parseJson(right), { a: 1 });
  const wrong = new TextEncoder().encode("{");
  assert.throws(() => parseJson(wrong), { code: "invalid_json" });
  assert.deepEqual([right.length, wrong.length], [0, 0]);
});
