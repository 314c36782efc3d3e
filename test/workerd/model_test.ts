/** The worker in real workerd: where its model comes from. */
import assert from "node:assert/strict";
import { all, type Json, picture, sseEvents } from "../service/app.ts";
import { FOLDER } from "./miniflare.ts";
import { open } from "../sdk/model.ts";
import { DOGS } from "../sdk/model.ts";
import { caption, captionText, IN_R2, putModel, type RunningWorker, startWorker } from "./worker.ts";

const captioner = await open();
const EXPECTED = (await captioner.caption(DOGS, { maxTokens: 6 }).result).text.trim();
await captioner.close();

/** A caption, and the same as a streamed chat. */
async function checkAnswers({ url }: RunningWorker): Promise<void> {
  assert.equal(await captionText(url), EXPECTED);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [picture()], max_tokens: 6, stream: true }),
  });
  assert.equal(response.status, 200);
  const events = await all(sseEvents(response));
  assert.equal(events.pop(), "[DONE]");
  const deltas = events.map((event) => (JSON.parse(event) as Json).choices[0]?.delta.content ?? "");
  assert.ok(deltas.filter((delta) => delta !== "").length >= 3, "it came in pieces");
  assert.equal(deltas.join(""), EXPECTED);
}

Deno.test("worker: the model from R2 by ranges, with the cache in front", async () => {
  await using worker = await startWorker("cloudflare/worker.mjs", IN_R2);
  await putModel(worker);
  await checkAnswers(worker);
});

Deno.test("worker: the model from static assets in parts", async () => {
  const folder = `${FOLDER}assets/`;
  const models = new URL("../../models/nano/", import.meta.url).pathname;
  const files = [`${models}nano-text-q4_0.gguf`, `${models}nano-mmproj-q8_0.gguf`];
  const args = ["run", "--allow-read", "--allow-write", "tools/cut_model.ts", ...files, `${folder}model`];
  const cwd = new URL("../../", import.meta.url);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  await using worker = await startWorker("cloudflare/worker.mjs", {
    assets: { directory: folder, binding: "ASSETS", routerConfig: { has_user_worker: true } },
  });
  await checkAnswers(worker);
});

Deno.test("worker: the model in the bundle, which is under 64 MiB", async () => {
  await using worker = await startWorker("cloudflare/nano.mjs");
  await checkAnswers(worker);
  let bytes = 0;
  for await (const { name } of Deno.readDir(`${FOLDER}bundles/cloudflare_nano_mjs`)) {
    bytes += (await Deno.stat(`${FOLDER}bundles/cloudflare_nano_mjs/${name}`)).size;
  }
  assert.ok(bytes > 50e6 && bytes < 64 * 2 ** 20, `${bytes} bytes`);
});

Deno.test("worker: without a model it says 503, and goes on to answer what needs none", async () => {
  await using worker = await startWorker("cloudflare/worker.mjs", { bindings: { LORIS_API_KEYS: "one, two" } });
  const refused = await caption(worker.url);
  assert.equal(refused.status, 401, await refused.text());
  const headers = { authorization: "Bearer two" };
  const failed = await fetch(`${worker.url}/caption`, {
    method: "POST",
    headers: { ...headers, "content-type": "image/jpeg" },
    body: DOGS,
  });
  assert.equal(failed.status, 503);
  assert.equal((await failed.json()).error.code, "model_unavailable");
  const models = await fetch(`${worker.url}/v1/models`, { headers });
  assert.equal((await models.json()).data[0].id, "loris");
});
