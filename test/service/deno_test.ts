/** `src/deno.ts` as a process: over TCP, with signals. */
import assert from "node:assert/strict";
import { DOGS } from "../sdk/model.ts";
import { all, CHAT, DOGS_URL, errorOf, type Json, picture, sseEvents } from "./app.ts";
import { serveOnce, type Server, startServer } from "./server.ts";

const LONG = {
  messages: [{ role: "user", content: "Tell me about a dog." }],
  temperature: 3,
  seed: 1,
  max_tokens: 400,
};

function chat(server: Server, body: Json, init: RequestInit = {}): Promise<Response> {
  const headers = { "content-type": "application/json", ...init.headers as Record<string, string> };
  return fetch(server.url + CHAT, { method: "POST", body: JSON.stringify(body), ...init, headers });
}

async function metric(server: Server, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it did not come to that in time");
}

Deno.test("deno: captions, streams and errors over TCP; SIGTERM ends it when the running answer has ended", async () => {
  const server = await startServer(["--conversations", "2", "--model-id", "nano"]);
  const caption = await fetch(`${server.url}/caption`, {
    method: "POST",
    body: DOGS,
    headers: { "content-type": "image/jpeg" },
  });
  assert.match((await caption.json()).description, /dog/);
  const events = await all(sseEvents(await chat(server, { messages: [picture()], stream: true })));
  assert.equal(events.pop(), "[DONE]");
  assert.match(events.map((event) => JSON.parse(event).choices[0].delta.content ?? "").join(""), /dog/);
  await errorOf(await chat(server, { messages: [] }), 400, "invalid_value", "messages");
  await errorOf(await fetch(`${server.url}/nowhere`), 404, "not_found");

  const running = sseEvents(await chat(server, { ...LONG, max_tokens: 120, stream: true }));
  await running.next();
  server.kill("SIGTERM");
  const rest = await all(running);
  assert.equal(rest.pop(), "[DONE]");
  const { code, lines } = await server.ended;
  assert.equal(code, 0, lines.join("\n"));
  await assert.rejects(fetch(`${server.url}/health`), TypeError);
  const entries = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  assert.deepEqual(entries.map(({ route, status }) => [route, status]), [
    ...[["/caption", 200], [CHAT, 200], [CHAT, 400], ["/*", 404], [CHAT, 200]],
  ]);
  assert.ok(!lines.join("\n").includes("Describe"), "no text of a user in the log");
});

Deno.test("deno: a connection that is cut ends its work and frees its place, streaming or waiting for the whole", async () => {
  const server = await startServer(["--conversations", "1", "--max-waiting", "0"]);
  for (const stream of [true, false]) {
    const controller = new AbortController();
    const answer = chat(server, { ...LONG, stream }, { signal: controller.signal }).then((response) => response.text());
    answer.catch(() => {});
    await until(async () => await metric(server, "loris_queue_active") === 1);
    const refused = await chat(server, LONG);
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    await errorOf(refused, 429, "too_many_requests");
    controller.abort();
    await assert.rejects(answer, { name: "AbortError" });
    const aborted = performance.now();
    await until(async () => await metric(server, "loris_requests_inside") === 0);
    assert.ok(performance.now() - aborted < 1000);
    assert.equal(await metric(server, "loris_queue_active"), 0);
    const next = await chat(server, { ...LONG, max_tokens: 1 });
    assert.equal((await next.json()).usage.completion_tokens, 1);
  }
  server.kill("SIGINT");
  assert.equal((await server.ended).code, 0);
});

Deno.test("deno: at the deadline, or by a second signal, running answers are told and the process ends", async () => {
  for (const [args, signals] of [[["--stop-timeout", "0.2"], 1], [[], 2]] as const) {
    const server = await startServer(args);
    const running = sseEvents(await chat(server, { ...LONG, stream: true }));
    await running.next();
    for (let i = 0; i < signals; i++) {
      server.kill("SIGINT");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { error } = JSON.parse((await all(running)).pop()!);
    assert.equal(error.code, "shutting_down");
    assert.equal((await server.ended).code, 1);
  }
});

Deno.test("deno: keys come from the environment; CORS and the request's time from options", async () => {
  const server = await startServer(["--cors", "https://a.example,https://b.example", "--timeout", "0.3"], {
    LORIS_API_KEYS: "one, two",
  });
  await errorOf(await chat(server, LONG), 401, "missing_api_key");
  const headers = { authorization: "Bearer two", origin: "https://b.example" };
  const response = await chat(server, LONG, { headers });
  assert.equal(response.headers.get("access-control-allow-origin"), "https://b.example");
  await errorOf(response, 504, "timeout");
  const remote = await chat(server, { messages: [picture("https://example.com/a.jpg")] }, { headers });
  await errorOf(remote, 400, "remote_image_refused");
  const small = await chat(server, { messages: [picture(DOGS_URL)], max_tokens: 1 }, { headers });
  await small.body?.cancel();
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
});

Deno.test("deno: what the command line says wrong is told, with status 2; --help lists the options", async () => {
  const bad: [string[], RegExp][] = [
    [["--port", "x"], /--port is "x"/],
    [["--port", "65536"], /--port is 65536/],
    [["--conversations", "0"], /--conversations/],
    [["--timeout", "-1"], /--timeout/],
    [["--timeout=0"], /--timeout is 0/],
    [["--no-such-option"], /no-such-option/],
    [["folder"], /"folder"/],
    [["--memory-budget", "much"], /--memory-budget is "much"/],
  ];
  const results = await Promise.all(bad.map(([args]) => serveOnce(args)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, bad[i]![1]);
  }
  const failed = await serveOnce(["--model", "no/such/folder"]);
  assert.deepEqual([failed.code, failed.stdout], [1, ""]);
  assert.match(failed.stderr, /argument_invalid: no\/such\/folder/);
  const server = await startServer();
  const taken = await serveOnce(["--port", new URL(server.url).port]);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /AddrInUse/);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  const help = await serveOnce(["--help"]);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--port N[^]*LORIS_API_KEYS/);
});
