/** HTTP itself done wrong: heads too large or malformed, lengths that lie, before a real server. It answers or hangs up, and goes on. */
import assert from "node:assert/strict";
import { RawConnection, RawRequest } from "../workerd/raw.ts";
import { startSmallServer } from "./small_server.ts";

const MIB = 1 << 20;
const encoder = new TextEncoder();
const POST = "POST /caption HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n";
const GET = "GET /health HTTP/1.1\r\nhost: x\r\n";
const CHUNKED = `${POST}transfer-encoding: chunked\r\n\r\n`;

/** What is refused by 4xx, or by the end of the connection where it cannot be told any more. */
const REFUSED: Record<string, string> = {
  "a header of 1 MiB": `${GET}x: ${"a".repeat(MIB)}\r\n\r\n`,
  "a key of 1 MiB": `${GET}authorization: Bearer ${"a".repeat(MIB)}\r\n\r\n`,
  "200 headers": `${GET}${Array.from({ length: 200 }, (_, i) => `x${i}: 1\r\n`).join("")}\r\n`,
  "a path of 1 MiB": `GET /${"a".repeat(MIB)} HTTP/1.1\r\nhost: x\r\n\r\n`,
  "a header with a line end in its name": `${GET}x\r: 1\r\n\r\n`,
  "a header without a name": `${GET}: 1\r\n\r\n`,
  "a null byte": `GET /\u0000 HTTP/1.1\r\nhost: x\r\n\r\n`,
  "another protocol": "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\r\n\r\n",
  "two lengths": `${POST}content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef`,
  "a length and chunks": `${POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  "a negative length": `${POST}content-length: -5\r\n\r\nabcde`,
  "a length in another base": `${POST}content-length: 0x5\r\n\r\nabcde`,
  "a length beyond 64 bits": `${POST}content-length: 99999999999999999999999\r\n\r\nabc`,
  "a length beyond the limit": `${POST}content-length: 9007199254740993\r\n\r\nabc`,
  "a length beyond the limit, asked for first": `${POST}expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n`,
  "a chunk whose length is none": `${CHUNKED}zz\r\nabc\r\n0\r\n\r\n`,
  "a chunk's length beyond 64 bits": `${CHUNKED}FFFFFFFFFFFFFFFFF\r\nabc`,
  "chunks that do not end as they say": `${CHUNKED}3\r\nabcdef\r\n0\r\n\r\n`,
};

Deno.test("framing: heads and lengths that are wrong are refused or hung up on, and none holds a place", async () => {
  const server = await startSmallServer(["--timeout", "20"]);
  for (const [what, text] of Object.entries(REFUSED)) {
    const connection = new RawConnection(server.url);
    await connection.write(text);
    const answered = (received: string) =>
      /^HTTP\/1\.1 [2-5]/m.test(received.replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, ""));
    const received = await connection.until(answered);
    assert.ok(!answered(received) || /^HTTP\/1\.1 4\d\d /m.test(received), `${what}: ${received.slice(0, 200)}`);
    connection.leave();
    await connection.ended;
    assert.equal((await fetch(`${server.url}/health`)).status, 200, what);
  }
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /^loris_requests_inside 0$/m);
  assert.match(metrics, /^loris_held_bytes 0$/m);
  assert.ok(!/status="5/.test(metrics), metrics);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
});

Deno.test("framing: a body without a length is read to the limit and no further; one that is cut short is dropped", async () => {
  const server = await startSmallServer();
  const endless = new RawRequest(`${server.url}/caption`, encoder.encode("x"), "image/png", { announced: "chunked" });
  const piece = new Uint8Array(MIB);
  let sent = 0;
  // the system's buffers hold some more than the service has read
  while (!endless.over && endless.received === "" && sent < 64 * MIB) {
    await Promise.race([endless.send(piece), endless.until((text) => text !== "")]);
    sent += piece.length;
  }
  assert.ok(sent >= 32 * MIB && sent < 48 * MIB, `${sent / MIB} MiB were taken`);
  endless.leave();
  const cut = new RawRequest(`${server.url}/caption`, encoder.encode("GIF89a"), "image/gif", { announced: 1000 });
  const inside = async () => /^loris_requests_inside 1$/m.test(await (await fetch(`${server.url}/metrics`)).text());
  while (!await inside()) await new Promise((resolve) => setTimeout(resolve, 5));
  cut.leave();
  while (await inside()) await new Promise((resolve) => setTimeout(resolve, 5));
  // what comes behind a body's length is a request of its own, not more of the body
  const two = new RawConnection(server.url);
  await two.write(`${POST}content-length: 3\r\n\r\nabc${GET}\r\n`);
  const received = await two.until((text) => text.includes('"ready"'));
  assert.match(received, /^HTTP\/1\.1 400 [^]*"image_invalid"[^]*HTTP\/1\.1 200 /);
  two.leave();
  server.kill("SIGTERM");
  const { code, lines } = await server.ended;
  // a client that still sends may meet the connection's end before it has read the answer
  const refused = lines.filter((line) => line.includes('"status":413') && line.includes("body_too_large"));
  assert.deepEqual([code, refused.length], [0, 1]);
});
