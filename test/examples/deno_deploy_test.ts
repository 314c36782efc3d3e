/** examples/deno-deploy in a folder of its own, started as Deno Deploy starts it. */
import assert from "node:assert/strict";
import { startServer } from "../../examples/deno-deploy/start.ts";
import { DOGS } from "../sdk/model.ts";
import { copyExample, deno, linkRepository } from "./copy.ts";

const JPEG = { "content-type": "image/jpeg" };

Deno.test("deno-deploy: a copy type-checks, says what is missing, serves captions, and asks for keys where there are some", async () => {
  await using copy = await copyExample("deno-deploy");
  await linkRepository(copy);
  const { folder } = copy;
  const checked = await deno(folder, "check", "main.ts", "start.ts", "figures.ts");
  assert.equal(checked.code, 0, checked.stderr);
  // as in a deployment without the model: it fails before it takes requests
  await assert.rejects(startServer(folder), /source_failed|model\/text\.gguf cannot be opened/);
  const task = await deno(folder, "task", "model");
  assert.equal(task.code, 0, task.stderr);
  const server = await startServer(folder, { LORIS_API_KEYS: "one, two" });
  try {
    const refused = await fetch(`${server.url}/caption`, { method: "POST", body: DOGS, headers: JPEG });
    assert.equal(refused.status, 401, await refused.text());
    const headers = { ...JPEG, authorization: "Bearer two" };
    const response = await fetch(`${server.url}/caption`, { method: "POST", body: DOGS, headers });
    assert.equal(response.status, 200);
    assert.match((await response.json()).description, /\bdog\b/);
  } finally {
    await server.stop();
  }
});

Deno.test("deno-deploy: the figures are printed", async () => {
  await using copy = await copyExample("deno-deploy");
  await linkRepository(copy);
  await deno(copy.folder, "task", "model");
  const photos = `${copy.root}/photos`;
  await Deno.mkdir(photos);
  for (const name of ["a.jpg", "b.jpg"]) await Deno.writeFile(`${photos}/${name}`, DOGS);
  const { code, stdout, stderr } = await deno(copy.folder, "task", "figures", photos, "1");
  assert.equal(code, 0, stderr);
  const ms = (what: string) => Number(new RegExp(`^${what}.*? (\\d+) ms \\(`, "m").exec(stdout)?.[1]);
  assert.ok(ms("start until") > 0 && ms("cold") > ms("start until") && ms("warm") > 0 && ms("again") > 0, stdout);
});
