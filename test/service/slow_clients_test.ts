/** Clients that take or give their bytes slowly, or never, before a real server: places come free, memory stays bounded. */
import assert from "node:assert/strict";
import { denoInspector, heapAfterCollection } from "../bench/inspector.ts";
import { RawRequest } from "../workerd/raw.ts";
import { CHAT, errorOf } from "./app.ts";
import type { Server } from "./server.ts";
import { startSmallServer } from "./small_server.ts";

const encoder = new TextEncoder();
const chat = (body: object) => encoder.encode(JSON.stringify({ messages: [{ role: "user", content: "Hi" }], ...body }));
const HELLO = chat({ max_tokens: 1 });

async function hello({ url }: Server): Promise<Response> {
  return await fetch(url + CHAT, { method: "POST", body: HELLO, headers: { "content-type": "application/json" } });
}

async function metric({ url }: Server, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Waits until nothing is inside; a hang ends the test by the runner's own means. */
async function atRest(server: Server): Promise<void> {
  while (await metric(server, "loris_requests_inside") > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([await metric(server, "loris_held_bytes"), await metric(server, "loris_queue_active")], [0, 0]);
}

async function stop(server: Server): Promise<readonly string[]> {
  server.kill("SIGTERM");
  const { code, lines } = await server.ended;
  assert.equal(code, 0, lines.join("\n"));
  return lines;
}

Deno.test("slow writers: bodies that never end lose their places at the deadline; meanwhile no more are let in", async () => {
  const server = await startSmallServer(["--conversations", "1", "--max-waiting", "2", "--timeout", "1"]);
  const slow = [100, 1 << 20, "chunked"].map((announced) =>
    new RawRequest(`${server.url}/caption`, encoder.encode("G"), "image/gif", { announced: announced as number })
  );
  const drip = setInterval(() => slow.forEach((request) => request.send(encoder.encode("."))), 50);
  while (await metric(server, "loris_requests_inside") < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await errorOf(await hello(server), 429, "too_many_requests");
  for (const request of slow) {
    const received = await request.until((text) => text.includes('"timeout"'));
    assert.match(received, /^HTTP\/1\.1 504 /);
  }
  await atRest(server);
  assert.equal((await hello(server)).status, 200);
  clearInterval(drip);
  for (const request of slow) request.leave();
  await stop(server);
});

Deno.test("slow readers: streams that nobody reads lose their places at the deadline, and fill no memory", async () => {
  const args = ["--conversations", "4", "--max-waiting", "4", "--timeout", "1.5", "--context", "4096"];
  const inspector = denoInspector();
  const server = await startSmallServer(args, inspector.flags);
  assert.equal((await hello(server)).status, 200);
  const long = chat({
    max_tokens: 4000,
    temperature: 4,
    seed: 1,
    stream: true,
    logprobs: true,
    top_logprobs: 20,
    n: 8,
  });
  const heldBytes = async () => {
    const { usedBytes, backingBytes } = await heapAfterCollection(await inspector.url(), () => hello(server));
    return usedBytes + backingBytes;
  };
  const readers: RawRequest[] = [];
  const after: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 8; i++) {
      const reader = new RawRequest(server.url + CHAT, long, "application/json");
      reader.stopReading();
      readers.push(reader);
    }
    while (await metric(server, "loris_requests_inside") < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    await errorOf(await hello(server), 429, "too_many_requests");
    await atRest(server);
    assert.equal((await hello(server)).status, 200);
    after.push(await heldBytes());
  }
  // 16 connections more are open; an answer that was made for one of them and not taken would be megabytes
  assert.ok(after[2]! - after[0]! < 16 * 100_000, `${after} bytes are held`);
  for (const reader of readers) reader.leave();
  const lines = await stop(server);
  assert.ok(lines.some((line) => line.includes('"code":"timeout"')), "what nobody read is in the log");
});

Deno.test("slow readers: a client that reads slowly gets its whole answer, in order", async () => {
  const server = await startSmallServer(["--context", "2048"]);
  const body = chat({ max_tokens: 300, temperature: 4, seed: 3, stream: true });
  const slow = new RawRequest(server.url + CHAT, body, "application/json");
  let seen = 0;
  for (;;) {
    const received = await slow.until((text) => text.length > seen);
    seen = received.length;
    if (received.includes("[DONE]")) break;
    slow.stopReading();
    await new Promise((resolve) => setTimeout(resolve, 5));
    slow.goOnReading();
  }
  const whole = await fetch(server.url + CHAT, {
    method: "POST",
    body: chat({ max_tokens: 300, temperature: 4, seed: 3 }),
    headers: { "content-type": "application/json" },
  });
  const { choices } = await whole.json();
  const pieces = slow.received.matchAll(/^data: (\{.*\})\r?$/gm);
  const text = Array.from(pieces, ([, event]) => JSON.parse(event!).choices[0].delta.content ?? "").join("");
  assert.equal(text, choices[0].message.content);
  slow.leave();
  await stop(server);
});
