/** Routes that say what there is: models, health, metrics, the description. */
import assert from "node:assert/strict";
import { Hono } from "hono";
import * as v from "valibot";
import { modelList, modelObject } from "../../src/service/models.ts";
import { open } from "../sdk/model.ts";
import { errorOf, type Json, picture, TestApp } from "./app.ts";

const captioner = await open();
const app = new TestApp(captioner, { modelId: "org/nano" });

Deno.test("GET /v1/models and /v1/models/:id tell the model and what goes in", async () => {
  const { data } = v.parse(v.strictObject(modelList.entries), await (await app.get("/v1/models")).json());
  assert.equal(data.length, 1);
  assert.deepEqual(data[0]!.input_modalities, ["text", "image"]);
  assert.equal(data[0]!.id, "org/nano");
  for (const path of ["/v1/models/org/nano", "/v1/models/org%2Fnano"]) {
    assert.deepEqual(v.parse(modelObject, await (await app.get(path)).json()), data[0]);
  }
  await errorOf(await app.get("/v1/models/nano"), 404, "model_not_found");
});

Deno.test("GET /health says ready; HEAD too", async () => {
  const response = await app.get("/health");
  assert.deepEqual([response.status, await response.json()], [200, { status: "ready" }]);
  assert.equal((await app.app.request("/health", { method: "HEAD" })).status, 200);
});

Deno.test("another Hono app takes it under a path of its own", async () => {
  const outers = [new Hono().mount("/ai", app.app.fetch), new Hono().route("/ai", app.app)];
  for (const outer of outers) {
    assert.deepEqual(await (await outer.request("/ai/health")).json(), { status: "ready" });
  }
  await errorOf(await outers[0]!.request("/ai/v1/nothing"), 404, "not_found");
});

/** Samples by name with labels, as Prometheus' text format has them. */
function samples(text: string): Map<string, number> {
  const lines = text.trimEnd().split("\n");
  const families = new Set<string>();
  const found = new Map<string, number>();
  for (const line of lines) {
    const meta = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (meta) {
      families.add(meta[2]!);
      if (meta[1] === "TYPE") assert.match(meta[3]!, /^(counter|gauge)$/);
      continue;
    }
    const sample = /^([a-z_]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? (-?[\d.e+-]+)$/.exec(line);
    assert.ok(sample, line);
    assert.ok(families.has(sample[1]!), line);
    found.set(`${sample[1]}${sample[2] ?? ""}`, Number(sample[3]));
  }
  return found;
}

Deno.test("GET /metrics counts requests, tokens and time, and shows the line and the memory", async () => {
  const fresh = new TestApp(captioner);
  const { usage } = await (await fresh.chat({ messages: [picture()], max_tokens: 5, n: 2 })).json();
  await fresh.chat({});
  const response = await fresh.get("/metrics");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4");
  const found = samples(await response.text());
  const requests = (status: number) =>
    found.get(`loris_requests_total{route="/v1/chat/completions",method="POST",status="${status}"}`);
  assert.deepEqual([requests(200), requests(400)], [1, 1]);
  const tokens = (kind: string) => found.get(`loris_tokens_total{kind="${kind}"}`);
  const { prompt_tokens, completion_tokens, prompt_tokens_details: { image_tokens, cached_tokens } } = usage;
  assert.deepEqual(["prompt", "completion", "image", "cached"].map(tokens), [
    ...[prompt_tokens, completion_tokens, image_tokens, cached_tokens],
  ]);
  assert.ok(found.get('loris_stage_seconds_total{stage="prefill"}')! > 0);
  assert.ok(found.get('loris_stage_seconds_total{stage="decode"}')! > 0);
  assert.equal(found.get("loris_requests_inside"), 0);
  assert.equal(found.get("loris_queue_active"), 0);
  assert.equal(found.get('loris_memory_bytes{part="peak"}'), captioner.memory.peakBytes);
  assert.equal(found.get('loris_memory_bytes{part="kv"}'), captioner.memory.kvBytes);
});

Deno.test("GET /openapi.json describes every route of the app, with references that lead somewhere", async () => {
  const document = await (await app.get("/openapi.json")).json();
  assert.match(document.openapi, /^3\.1\./);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as Json).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const routes = app.app.routes.filter(({ method, path }) => method !== "ALL" && path !== "/openapi.json")
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
  assert.deepEqual(described.sort(), [...new Set(routes)].sort());
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((
    [, name],
  ) => name!);
  assert.ok(references.length > 10);
  for (const name of references) assert.ok(document.components.schemas[name], name);
});

Deno.test("GET /openapi.json says of a chat request what the service holds to", async () => {
  const { components: { schemas } } = await (await app.get("/openapi.json")).json();
  const { properties, required } = schemas.ChatRequest;
  assert.deepEqual(required, ["messages"]);
  const temperature = properties.temperature.anyOf[0];
  for (const [value, status] of [[temperature.maximum, 200], [temperature.maximum + 1, 400]]) {
    const response = await app.chat({ messages: [{ role: "user", content: "Hi" }], max_tokens: 1, temperature: value });
    await response.body?.cancel();
    assert.equal(response.status, status);
  }
  assert.deepEqual(schemas.CaptionRequest.required, ["image"]);
  assert.equal(schemas.CaptionForm.properties.image.format, "binary");
});
