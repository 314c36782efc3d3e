/**
 * examples/serverless and examples/caption-worker in folders of their own, on the packed npm package: installed, built and
 * started as their READMEs say. Skipped, with a reason, where there is no npm.
 */
import assert from "node:assert/strict";
import { basename } from "node:path";
import { hasNpm, NODE, npmInstall, packPackage, run } from "../package/npm.ts";
import { DOGS } from "../sdk/model.ts";
import { type Copy, copyExample, PHOTOS } from "./copy.ts";
import { Program } from "./program.ts";

const npm = await hasNpm();
const packages = Deno.makeTempDirSync({ prefix: "loris-packed-" });
addEventListener("unload", () => Deno.removeSync(packages, { recursive: true }));
let packing: Promise<string> | undefined;

/** A copy with the packed package where its package.json looks for it, installed and built. */
async function built(name: string): Promise<Copy> {
  const packed = await (packing ??= packPackage(packages));
  const copy = await copyExample(name);
  await Deno.mkdir(`${copy.root}/dist`);
  await Deno.symlink(packed, `${copy.root}/dist/${basename(packed)}`);
  await npmInstall(copy.folder);
  await run(copy.folder, ["npm", "run", "--silent", "build"]);
  return copy;
}

async function caption(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const type = { "content-type": "image/jpeg" };
  return await fetch(`${url}/caption`, { method: "POST", body: DOGS, headers: { ...type, ...headers } });
}

async function assertDog(response: Response): Promise<void> {
  const body = await response.text();
  assert.equal(response.status, 200, body);
  assert.match(JSON.parse(body).description, /\bdog\b/);
}

Deno.test({
  name: "serverless: fetch, (request, response) and Lambda's event caption a photo on Node 22",
  ignore: !npm,
  async fn(t) {
    await using copy = await built("serverless");
    const { folder } = copy;
    const node22 = (await run(folder, [...NODE, "-p", "process.execPath"])).trim();

    await t.step("fetch(request)", async () => {
      const script = `
        import { readFileSync } from "node:fs";
        import handler from "./dist/handler.mjs";
        const body = readFileSync(process.argv[1]);
        const headers = { "content-type": "image/jpeg" };
        const response = await handler.fetch(new Request("http://x/caption", { method: "POST", body, headers }));
        console.log(response.status, await response.text());`;
      const args = ["--input-type=module", "-e", script, `${PHOTOS}/dogs_at_window.jpg`];
      assert.match(await run(folder, [node22, ...args]), /^200 \{"description":".*\bdog\b/);
    });

    await t.step("(request, response), over a socket", async () => {
      const server = new Program(folder, [node22, "dist/node.mjs"], { PORT: "0", LORIS_API_KEYS: "one, two" });
      try {
        const [url] = await server.wrote(/^http:\S+/);
        const refused = await caption(url!);
        assert.equal(refused.status, 401, await refused.text());
        await assertDog(await caption(url!, { authorization: "Bearer two" }));
      } finally {
        await server.stop();
      }
    });

    await t.step("Lambda's event, with a body in base64", async () => {
      const out = await run(folder, [node22, "lambda_event.mjs", `${PHOTOS}/dogs_at_window.jpg`]);
      const { statusCode, headers, body, isBase64Encoded } = JSON.parse(out);
      assert.deepEqual([statusCode, headers["content-type"], isBase64Encoded], [200, "application/json", false]);
      assert.match(JSON.parse(body).description, /\bdog\b/);
    });

    await t.step("Lambda's event with what is no picture is answered, not thrown", async () => {
      const { statusCode, body } = JSON.parse(await run(folder, [node22, "lambda_event.mjs", "package.json"]));
      assert.deepEqual([statusCode, JSON.parse(body).error.code], [400, "image_invalid"]);
    });
  },
});

Deno.test({
  name: "caption-worker: wrangler's bundle in workerd captions a posted photo, and those of which its queue is told",
  ignore: !npm,
  async fn() {
    await using copy = await built("caption-worker");
    const photos = [`${PHOTOS}/dogs_at_window.jpg`, `${copy.folder}/package.json`];
    const local = new Program(copy.folder, ["node", "local.mjs", "--port", "0", ...photos]);
    const [url] = await local.wrote(/^http:\S+/);
    await assertDog(await caption(url!));
    await local.wrote(/^dogs_at_window\.jpg: .*\bdog\b/m);
    await local.wrote(/^package\.json: not captioned: image_/m);
    assert.equal(await local.stop(), 0);
  },
});
