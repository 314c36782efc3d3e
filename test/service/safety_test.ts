/** Keys, origins, headers, places, logs, loading: what surrounds every route. */
import assert from "node:assert/strict";
import { LorisError } from "../../sdk/errors.ts";
import { createApp, type LogEntry } from "../../src/service/app.ts";
import { Admission } from "../../src/service/admission.ts";
import { DOGS, open } from "../sdk/model.ts";
import { CHAT, errorOf, type Json, picture, TestApp } from "./app.ts";

const captioner = await open();
const HELLO = { messages: [{ role: "user", content: "Hello" }], max_tokens: 1 };

Deno.test("API keys: every route but health and the description asks for one", async () => {
  const app = new TestApp(captioner, { apiKeys: ["first-key", "second-key"] });
  for (const authorization of [undefined, "", "Basic Zmlyc3Qta2V5", "Bearer", "Bearer ", "first-key"]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const response = await app.chat(HELLO, { headers });
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
    assert.equal((await errorOf(response, 401, "missing_api_key")).type, "authentication_error");
  }
  for (const key of ["first-ke", "first-keyx", "FIRST-KEY", "second-key,first-key", "undefined"]) {
    await errorOf(await app.chat(HELLO, { headers: { authorization: `Bearer ${key}` } }), 401, "invalid_api_key");
  }
  for (const key of ["first-key", "second-key"]) {
    assert.equal((await app.chat(HELLO, { headers: { authorization: `bearer ${key}` } })).status, 200);
  }
  for (const path of ["/v1/models", "/v1/models/loris", "/metrics", "/nowhere"]) {
    await errorOf(await app.get(path), 401, "missing_api_key");
  }
  for (const path of ["/health", "/openapi.json"]) assert.equal((await app.get(path)).status, 200);
  const { security } = await (await app.get("/openapi.json")).json();
  assert.deepEqual(security, [{ key: [] }]);
});

Deno.test("API keys from the bindings: none there means that none is right", async () => {
  const app = createApp<{ KEYS?: string }>(captioner, { apiKeys: ({ KEYS }) => (KEYS ?? "").split(",") });
  const ask = async (key: string, KEYS?: string) =>
    (await app.request("/v1/models", { headers: { authorization: `Bearer ${key}` } }, KEYS ? { KEYS } : {})).status;
  assert.deepEqual([await ask("a", "a,b"), await ask("b", "a,b"), await ask("c", "a,b"), await ask("a")], [
    ...[200, 200, 401, 401],
  ]);
});

Deno.test("CORS: allowed origins get the headers on answers, errors, streams and preflights", async () => {
  const origin = "https://page.example.com";
  const app = new TestApp(captioner, { corsOrigins: [origin], apiKeys: ["key"] });
  const call = async (path: string, init: RequestInit = {}) =>
    await app.app.request(path, { ...init, headers: { origin, ...init.headers as Record<string, string> } });
  const key = { authorization: "Bearer key", "content-type": "application/json" };
  const post = (body: Json) => ({ method: "POST", body: JSON.stringify(body), headers: key });
  const answers = [
    [200, await call("/health")],
    [401, await call("/v1/models")],
    [404, await call("/nowhere", { headers: key })],
    [405, await call(CHAT, { headers: key })],
    [400, await call(CHAT, post({}))],
    [200, await call(CHAT, post(HELLO))],
    [200, await call(CHAT, post({ ...HELLO, stream: true }))],
  ] as const;
  for (const [status, response] of answers) {
    await response.body?.cancel();
    assert.equal(response.status, status);
    assert.equal(response.headers.get("access-control-allow-origin"), origin);
    assert.match(response.headers.get("access-control-expose-headers")!, /x-request-id/);
    assert.match(response.headers.get("vary")!, /origin/i);
  }
  const preflight = await call(CHAT, {
    method: "OPTIONS",
    headers: {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, x-stainless-os",
    },
  });
  assert.equal(preflight.status, 204, "a preflight brings no key");
  assert.equal(preflight.headers.get("access-control-allow-headers"), "authorization,x-stainless-os");
  assert.match(preflight.headers.get("access-control-allow-methods")!, /POST/);
  const other = await app.get("/health", { origin: "https://evil.example.com" });
  assert.equal(other.headers.get("access-control-allow-origin"), null);
});

Deno.test("CORS: for all origins, or for none", async () => {
  const headers = { origin: "https://anywhere.example" };
  const all = new TestApp(captioner, { corsOrigins: "*" });
  assert.equal((await all.get("/nowhere", headers)).headers.get("access-control-allow-origin"), "*");
  const none = new TestApp(captioner);
  assert.equal((await none.get("/health", headers)).headers.get("access-control-allow-origin"), null);
});

Deno.test("every answer has an id and secure headers; each its own", async () => {
  const app = new TestApp(captioner);
  const ids = new Set();
  for (
    const response of [await app.get("/health"), await app.get("/nowhere"), await app.chat({}), await app.chat(HELLO)]
  ) {
    const { headers } = response;
    await response.body?.cancel();
    ids.add(headers.get("x-request-id"));
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.match(headers.get("content-security-policy")!, /default-src 'none'/);
    assert.match(headers.get("strict-transport-security")!, /max-age=\d+/);
  }
  assert.equal(ids.size, 4);
  assert.ok(!ids.has(null));
});

Deno.test("unknown paths are 404, known ones with another method 405 with Allow, in the error's shape", async () => {
  const app = new TestApp(captioner);
  await errorOf(await app.get("/v1/nothing"), 404, "not_found");
  await errorOf(await app.get("/v1/models/gpt-4o"), 404, "model_not_found", "model");
  for (
    const [method, path, allow] of [["GET", CHAT, /POST/], ["DELETE", "/caption", /POST/], ["POST", "/health", /GET/]]
  ) {
    const response = await app.app.request(path as string, { method: method as string });
    assert.match(response.headers.get("allow")!, allow as RegExp);
    await errorOf(response, 405, "method_not_allowed");
  }
});

Deno.test("more requests than fit are refused with 429 and a time, the others answered in order", async () => {
  const alone = await open();
  const app = new TestApp(alone, { maxWaiting: 2 });
  const order: number[] = [];
  const answers = Array.from({ length: 6 }, async (_, i) => {
    const response = await app.chat({ ...HELLO, max_tokens: 6, temperature: 2, seed: i });
    await response.body?.cancel();
    if (response.status === 200) order.push(i);
    return response;
  });
  const responses = await Promise.all(answers);
  assert.deepEqual(responses.map(({ status }) => status), [200, 200, 200, 429, 429, 429]);
  assert.deepEqual(order, [0, 1, 2]);
  const wait = Number(responses[5]!.headers.get("retry-after"));
  assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60);
  assert.equal((await app.chat(HELLO)).status, 200);
});

Deno.test("bodies of all requests together are bounded; a single one is read whatever the bound", async () => {
  const app = new TestApp(await open(), { maxHeldBytes: 200_000 });
  const send = () =>
    app.app.request("/caption?max_tokens=1", { method: "POST", body: DOGS, headers: { "content-type": "image/jpeg" } });
  assert.ok(DOGS.length < 200_000 && 2 * DOGS.length > 200_000);
  const statuses = (await Promise.all([send(), send(), send()])).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 429, 429]);
  const tight = new TestApp(captioner, { maxHeldBytes: 1 });
  assert.equal((await tight.chat(HELLO)).status, 200);
});

Deno.test("a picture in a body takes its place; one that is fetched counts beside it", async () => {
  const ask = async (body: Json, options: Json) => {
    const app = new TestApp(await open(), options);
    const statuses = (await Promise.all([app.chat(body), app.chat(body)])).map(({ status }) => status);
    assert.match(await (await app.get("/metrics")).text(), /^loris_held_bytes 0$/m);
    return statuses.sort();
  };
  const inBody = { messages: [picture()], max_tokens: 1 };
  assert.deepEqual(await ask(inBody, { maxHeldBytes: 2 * JSON.stringify(inBody).length }), [200, 200]);
  const fetched = { messages: [picture("https://pictures.example/dogs.jpg")], max_tokens: 1 };
  const remoteImages = { hosts: ["pictures.example"], fetch: () => Promise.resolve(new Response(DOGS)) };
  assert.deepEqual(await ask(fetched, { remoteImages, maxHeldBytes: DOGS.length + 1000 }), [200, 429]);
});

Deno.test("Admission tells to come again later where requests take longer", async () => {
  const admission = new Admission({ maxWaiting: 4, maxHeldBytes: 1, conversations: () => 1 });
  const retryAfter = () => {
    const places = Array.from({ length: 5 }, () => admission.enter());
    let seconds = 0;
    try {
      admission.enter();
    } catch (error) {
      seconds = Number((error as Json).headers["retry-after"]);
    }
    for (const place of places) place.leave();
    for (const place of places) place.leave();
    return seconds;
  };
  assert.equal(retryAfter(), 5, "a second each is the first guess");
  assert.equal(admission.inside, 0, "leaving twice is leaving once");
  for (let i = 0; i < 5; i++) retryAfter();
  assert.equal(retryAfter(), 1, "those were quick");
  await Promise.resolve();
});

Deno.test("a request that takes too long is 504", async () => {
  const app = new TestApp(captioner, { requestTimeoutMs: 30 });
  await errorOf(await app.chat({ ...HELLO, max_tokens: 200, temperature: 3, seed: 1 }), 504, "timeout");
  const never = new ReadableStream({ pull: () => new Promise(() => {}) });
  const stuck = await app.app.request("/caption", {
    method: "POST",
    body: never,
    headers: { "content-type": "image/png" },
  });
  await errorOf(stuck, 504, "timeout");
});

Deno.test("log entries hold routes, statuses and codes, and no text, picture or key of a user", async () => {
  const entries: LogEntry[] = [];
  const app = new TestApp(captioner, { log: (entry) => entries.push(entry), apiKeys: ["secret-key"] });
  const headers = { authorization: "Bearer secret-key" };
  const secret = "my-secret-question";
  for (const body of [HELLO, { messages: [picture(`https://${secret}.example.com/`, secret)] }, { messages: secret }]) {
    await app.chat({ ...body, stop: secret }, { headers });
  }
  await app.get(`/v1/models/${secret}`, headers);
  await app.get(`/${secret}?q=${secret}`, headers);
  await app.app.request("/health", { method: "SECRET" });
  assert.deepEqual(entries.map(({ status, route, code }) => [status, route, code]), [
    [200, CHAT, undefined],
    [400, CHAT, "remote_image_refused"],
    [400, CHAT, "invalid_value"],
    [404, "/v1/models/:id", "model_not_found"],
    [404, "/*", undefined],
    [405, "/*", undefined],
  ]);
  assert.ok(!/secret/i.test(JSON.stringify(entries)), JSON.stringify(entries));
  const metrics = await (await app.get("/metrics", headers)).text();
  assert.ok(!/secret/i.test(metrics), metrics);
});

Deno.test("a fault of the service's own is 500, told inside and not outside", async () => {
  const entries: LogEntry[] = [];
  const broken = new Proxy(captioner, {
    get: (target, name) =>
      name === "chat"
        ? () => {
          throw new Error("secret path /srv/x");
        }
        : Reflect.get(target, name, target),
  });
  const app = new TestApp(broken, { log: (entry) => entries.push(entry) });
  const { message, type } = await errorOf(await app.chat(HELLO), 500, "internal_error");
  assert.equal(type, "server_error");
  assert.ok(!message.includes("secret"));
  assert.match(String(entries[0]!.error), /secret path/);
  assert.match(await (await app.get("/metrics")).text(), /loris_requests_inside 0\n/);
});

Deno.test("a model that loads with the first request: once for all, beyond its death, again after a failure", async () => {
  let loads = 0;
  let release = () => {};
  let outcome: () => Promise<typeof captioner> = () => Promise.reject(new LorisError("source_failed", "secret bucket"));
  const kept: Promise<unknown>[] = [];
  const executionCtx = { waitUntil: (work: Promise<unknown>) => kept.push(work), passThroughOnException() {} } as Json;
  const app = createApp<{ NAME: string }>(async (env) => {
    assert.equal(env.NAME, "bindings");
    loads++;
    await new Promise<void>((resolve) => release = resolve);
    return await outcome();
  }, { log: () => {} });
  const send = (signal?: AbortSignal) =>
    app.request(
      CHAT,
      {
        ...{ method: "POST", body: JSON.stringify(HELLO), headers: { "content-type": "application/json" } },
        ...(signal ? { signal } : {}),
      },
      { NAME: "bindings" },
      executionCtx,
    );
  const status = async () => (await (await app.request("/health")).json()).status;
  const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

  assert.equal(await status(), "idle");
  const failing = send();
  await turn();
  assert.equal(await status(), "loading");
  release();
  const refused = await failing;
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.ok(!(await errorOf(refused, 503, "model_unavailable")).message.includes("secret"));
  assert.equal(await status(), "failed");

  outcome = () => Promise.resolve(captioner);
  const dying = new AbortController();
  const [first, second] = [send(dying.signal), send()];
  await turn();
  dying.abort();
  await errorOf(await first, 499, "client_closed_request");
  release();
  assert.equal((await second).status, 200);
  // three requests, two loads, and the computing of the one answer
  assert.deepEqual([loads, kept.length, await status()], [2, 6, "ready"]);
  await Promise.all(kept);
  assert.equal((await send()).status, 200);
  assert.equal(loads, 2);
});

Deno.test("options out of their bounds are refused by name", () => {
  const bad: [Json, string][] = [
    [{ maxWaiting: -1 }, "maxWaiting"],
    [{ maxWaiting: 1.5 }, "maxWaiting"],
    [{ requestTimeoutMs: 0 }, "requestTimeoutMs"],
    [{ requestTimeoutMs: 2 ** 31 }, "requestTimeoutMs"],
    [{ maxBodyBytes: NaN }, "maxBodyBytes"],
    [{ maxChoices: "8" }, "maxChoices"],
    [{ apiKeys: [] }, "apiKeys"],
    [{ apiKeys: ["a", ""] }, "apiKeys"],
    [{ corsOrigins: "https://example.com" }, "corsOrigins"],
  ];
  for (const [options, param] of bad) {
    assert.throws(() => createApp(captioner, options), { name: "LorisError", code: "argument_invalid", param });
  }
});
