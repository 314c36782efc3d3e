/** The page as it is served, and what it asks the service for; `test/browser` looks at it in a browser. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { embeddedCard, parseCard } from "../../src/cli/model_card.ts";
import { createApp } from "../../src/service/app.ts";
import { status } from "../../src/service/status.ts";
import { pageModule } from "../../tools/build_page.ts";
import { open } from "../sdk/model.ts";
import { errorOf, TestApp } from "./app.ts";

const generated = new URL("../../src/service/generated/page.ts", import.meta.url);

Deno.test("page: the committed module is what `deno task page` makes of src/page, and small", async () => {
  const text = await readFile(generated, "utf8");
  assert.ok(text === await pageModule(), "src/page has changed; run deno task page");
  assert.ok(text.length < 25_000, `${text.length} bytes`);
});

Deno.test("GET / is one page, without a key, that can load nothing from elsewhere", async () => {
  const app = new TestApp(await open(), { apiKeys: ["right"] });
  const response = await app.get("/");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  const html = await response.text();
  assert.deepEqual([...html.matchAll(/\b(?:src|href|action)="(?!data:)[^"]*"/g)], []);
  const policy = new Map(
    response.headers.get("content-security-policy")!.split("; ").map((directive) => {
      const [name, ...values] = directive.split(" ");
      return [name, values.join(" ")];
    }),
  );
  assert.equal(policy.get("default-src"), "'none'");
  assert.equal(policy.get("connect-src"), "'self'");
  assert.equal(policy.get("frame-ancestors"), "'none'");
  for (const tag of ["script", "style"]) {
    const inline = [...html.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, "g"))];
    assert.equal(inline.length, 1);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(inline[0]![1]));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    assert.equal(policy.get(`${tag}-src`), `'sha256-${hash}'`);
  }
  assert.equal((await app.app.request("/", { method: "HEAD" })).status, 200);
  assert.equal((await app.app.request("/", { method: "POST" })).status, 405);
});

Deno.test("GET /status asks for the key; it tells memory, the lazy plan and what it saves", async () => {
  const modelCard = { limits: "It guesses.", questions: ["What?"] };
  const captioner = await open({ lazy: "gla", conversations: 2 });
  const app = new TestApp(captioner, { modelId: "nano", modelCard, apiKeys: ["right"] });
  await errorOf(await app.get("/status"), 401, "missing_api_key");
  const body = await (await app.get("/status", { authorization: "Bearer right" })).json();
  const { loaded, ...rest } = v.parse(v.strictObject(status.entries), body);
  assert.deepEqual(rest, { model: "nano", state: "ready", card: modelCard });
  const { memory, lazy } = loaded!;
  assert.equal(memory.peak_bytes, captioner.memory.peakBytes);
  assert.equal(lazy.kv_bytes, captioner.memory.kvBytes);
  // (2N - n) of 2N: 9 of 12 layers keep values alone
  assert.equal(lazy.kv_bytes, lazy.dense_kv_bytes * 15 / 24);
  assert.equal(lazy.dense_kv_bytes, (await open({ lazy: "off", conversations: 2 })).memory.kvBytes);
});

Deno.test("GET /status of a model that nobody has asked for loads nothing", async () => {
  const app = createApp(() => Promise.reject(new Error("it was loaded")));
  const body = await (await app.request("/status")).json();
  assert.deepEqual(body, { model: "loris", state: "idle", card: null, loaded: null });
});

Deno.test("embeddedCard() tells the embedded model's limits and questions whole; parseCard() misses neither", async () => {
  const { limits, questions } = await embeddedCard();
  assert.match(limits, /^It saw .*\. Do not rely on what it says about people\.$/);
  assert.equal(questions?.length, 7);
  assert.ok(questions.includes("Is there a dog in this image?"));
  const last = "**Questions it was taught**: `A?`, `B\nC?`.\n";
  assert.throws(() => parseCard(last), /\*\*Limits/);
  const card = parseCard(`**Limits.** One\ntwo.\n\nOther.\n\n${last}`);
  assert.deepEqual(card, { limits: "One two.", questions: ["A?", "B C?"] });
});
