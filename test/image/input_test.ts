import assert from "node:assert/strict";
import { readImageBytes } from "../../sdk/image/input.ts";

const MAX = 1 << 20;
const read = async (
  input: Parameters<typeof readImageBytes>[0],
  maxBytes = MAX,
) => [...await readImageBytes(input, maxBytes)];
const BYTES = [0, 255, 16, 97, 62, 63];
const BASE64 = btoa(String.fromCharCode(...BYTES));

Deno.test("readImageBytes() takes every form of bytes", async () => {
  const bytes = Uint8Array.from(BYTES);
  assert.deepEqual(await read(bytes), BYTES);
  assert.deepEqual(await read(bytes.buffer), BYTES);
  assert.deepEqual(await read(new Blob([bytes])), BYTES);
  assert.deepEqual(await read(new Response(bytes)), BYTES);
  assert.deepEqual(await read(ReadableStream.from([bytes.subarray(0, 2), bytes.subarray(2)])), BYTES);
});

Deno.test("readImageBytes() reads data URLs in every legal spelling", async () => {
  const spellings = [
    `data:image/png;base64,${BASE64}`,
    `DATA:image/png;BASE64,${BASE64}`,
    `data:;base64,${BASE64}`,
    `data:image/jpeg;charset=utf-8;name="a b.jpg";base64,${BASE64}`,
    `data:image/png ; base64,${BASE64}`,
    ` data:image/png;base64,${BASE64}\n`,
    `data:image/png;base64,${BASE64.slice(0, 3)}\n\t ${BASE64.slice(3)}`,
    `data:image/png;base64,${BASE64.replaceAll("=", "")}`,
    `data:image/png;base64,${[...BASE64].map((c) => "%" + c.charCodeAt(0).toString(16)).join("")}`,
    `data:image/png;base64,${BASE64}#fragment`,
    ` da\nta:image/png;\r\nbase64,\t${BASE64}\n `,
    `\0 \fdata:image/png;base64,${BASE64}\x1f\0`,
    `data:image/png;name=base64;base64,${BASE64}`,
    `data:,%00%ff%10a%3E%3F`,
    `data:; BASE64 \f,%00%ff%10a%3E%3F`,
    `data:;base64;charset=utf-8,%00%ff%10a%3E%3F`,
    `data:,%00%ff\n%10a%3E\t%3F \n`,
    `data:application/octet-stream,%00%FF%10a>%3f`,
  ];
  for (const url of spellings) assert.deepEqual(await read(url), BYTES, url);
  assert.deepEqual(await read(new URL(spellings[0]!)), BYTES);
  assert.deepEqual(await read("data:,100%"), [..."100%"].map((c) => c.charCodeAt(0)), "a percent sign alone");
});

Deno.test("readImageBytes() refuses what is no picture's bytes, with a typed error", async () => {
  const refused: [unknown, string, RegExp][] = [
    ["data:image/png;base64", "image_invalid", /no comma/],
    ["data:image/png#;base64,QUJD", "image_invalid", /no comma/],
    ["data:image/png;base64,ab*d", "image_invalid", /base64 is broken/],
    ["data:image/png;base64,-_-_", "image_invalid", /base64 is broken/],
    ["data:,", "image_invalid", /empty/],
    ["https://example.org/a.png", "argument_invalid", /https: URL; fetch/],
    ["photo.jpg", "argument_invalid", /photo\.jpg/],
    [new Uint8Array(0), "image_invalid", /empty/],
    [new Response("no", { status: 404 }), "image_invalid", /404/],
    [new Response(null), "image_invalid", /no body/],
    [null, "argument_invalid", /it is null/],
    [42, "argument_invalid", /it is number/],
  ];
  for (const [input, code, message] of refused) {
    await assert.rejects(read(input as string), (error: { code: string; message: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("readImageBytes() refuses a stream that is read already, fails, or gives something else than bytes", async () => {
  const used = new Response("abc");
  await used.arrayBuffer();
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  for (const input of [used, locked]) await assert.rejects(read(input), { code: "argument_invalid" });
  const cause = new Error("the line is dead");
  const failing = new ReadableStream<Uint8Array>({ pull: () => Promise.reject(cause) });
  await assert.rejects(read(failing), { code: "source_failed", cause });
  for (const chunk of ["abc", new ArrayBuffer(3), null, 7]) {
    const stream = ReadableStream.from([chunk]) as unknown as ReadableStream<Uint8Array>;
    await assert.rejects(read(stream), {
      name: "LorisError",
      code: "argument_invalid",
      message: /must give Uint8Arrays/,
    });
  }
});

Deno.test("readImageBytes() stops at maxBytes, in a stream before it has been read to its end", async () => {
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1000));
    },
  });
  const tooLarge = { code: "image_too_large" };
  await assert.rejects(read(endless, 5000), tooLarge);
  assert.ok(pulled < 10, `${pulled} chunks`);
  await assert.rejects(read(new Uint8Array(5001), 5000), tooLarge);
  await assert.rejects(read(new Blob([new Uint8Array(5001)]), 5000), tooLarge);
  await assert.rejects(read("data:;base64," + "A".repeat(30000), 5000), tooLarge);
});

Deno.test("readImageBytes() gives up a stream when its signal is aborted, with the signal's reason", async () => {
  const controller = new AbortController();
  const silent = new ReadableStream<Uint8Array>({});
  const reading = readImageBytes(silent, MAX, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(reading, /enough/);
});
