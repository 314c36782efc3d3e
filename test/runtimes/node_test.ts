/**
 * The npm package as a Node 22 project meets it: built, packed, installed with its dependencies, imported by name,
 * type-checked against its declarations. Skipped, with a reason, where there is no npm.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { hasNpm, NODE, npmInstall, packPackage, run } from "./npm.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const PHOTO = `${root}examples/photos/dogs_at_window.jpg`;

const CAPTION = `
import { readFile } from "node:fs/promises";
import { load } from "loris";
import { fileSource } from "loris/sources/file";
const [model, photo] = process.argv.slice(2);
const captioner = await load({
  text: fileSource(model + "/nano-text-q4_0.gguf"),
  vision: fileSource(model + "/nano-mmproj-q8_0.gguf"),
});
const { text, usage } = await captioner.caption(await readFile(photo)).result;
captioner.close();
console.log(JSON.stringify({ node: process.versions.node, text, usage }));
`;

const SERVICE = `
import { readFile } from "node:fs/promises";
import { load } from "loris";
import { createApp } from "loris/service";
import { fileSource } from "loris/sources/file";
const [model, photo] = process.argv.slice(2);
const captioner = await load({
  text: fileSource(model + "/nano-text-q4_0.gguf"),
  vision: fileSource(model + "/nano-mmproj-q8_0.gguf"),
});
const app = createApp(captioner);
const headers = { "content-type": "image/jpeg" };
const response = await app.request("/caption", { method: "POST", body: await readFile(photo), headers });
const { description } = await response.json();
const stream = await app.request("/v1/chat/completions", {
  method: "POST",
  body: JSON.stringify({ messages: [{ role: "user", content: "Hello" }], max_tokens: 3, stream: true }),
  headers: { "content-type": "application/json" },
});
const page = await (await app.request("/")).text();
console.log(JSON.stringify({ description, events: (await stream.text()).split("\\n\\n"), page }));
`;

const TYPES = `
import { type Captioner, load, LorisError } from "loris";
import { createApp, type ServiceOptions } from "loris/service";
import { fileSource } from "loris/sources/file";
const captioner: Captioner = await load({ text: fileSource("a"), vision: fileSource("b") });
const text: string = (await captioner.caption(new Uint8Array()).result).text;
// @ts-expect-error a caption is a string: the types are there, not "any"
const wrong: number = (await captioner.caption(new Uint8Array()).result).text;
const options: ServiceOptions = { maxWaiting: 3, shutdown: new AbortController().signal };
const response: Response = await createApp(captioner, options).fetch(new Request("http://x/health"));
// @ts-expect-error no such option
createApp(captioner, { maxWait: 3 });
export { LorisError, response, text, wrong };
`;

Deno.test({
  name: "npm package",
  ignore: !(await hasNpm()),
  async fn(t) {
    const project = await Deno.makeTempDir({ prefix: "loris-node-" });
    try {
      const packed = await packPackage(project);
      await Deno.writeTextFile(`${project}/package.json`, `{ "type": "module", "private": true }\n`);
      await npmInstall(project, packed);

      await t.step("load() and caption() run under Node 22 from the package's own files", async () => {
        await Deno.writeTextFile(`${project}/caption.js`, CAPTION);
        const out = await run(project, [...NODE, "caption.js", "node_modules/loris/models/nano", PHOTO]);
        const { node, text, usage } = JSON.parse(out);
        assert.match(node, /^22\./);
        assert.ok(text.trim().split(" ").length > 3, text);
        assert.equal(usage.imageTokens, 64);
      });

      await t.step("the service answers under Node 22", async () => {
        await Deno.writeTextFile(`${project}/service.js`, SERVICE);
        const { description, events, page } = JSON.parse(
          await run(project, [...NODE, "service.js", "node_modules/loris/models/nano", PHOTO]),
        );
        assert.match(description, /dog/);
        assert.deepEqual(events.slice(-2), ["data: [DONE]", ""]);
        assert.ok(events.length > 4);
        assert.match(page, /^<!doctype html>[^]*<\/script>/);
      });

      await t.step("the bin says under Node 22 what the command line says under Deno", async () => {
        const args = ["caption", "--json", PHOTO];
        const node = JSON.parse(await run(project, [...NODE, "node_modules/loris/src/cli.js", ...args]));
        const deno = JSON.parse(
          await run(root, [Deno.execPath(), "run", "--quiet", "--allow-read", "--allow-env", "src/cli.ts", ...args]),
        );
        assert.equal(node.caption, deno.caption);
        assert.deepEqual(node.usage, deno.usage);
        assert.equal(node.backend, deno.backend);
      });

      await t.step("the declarations type-check, strictly, in a project of its own", async () => {
        await Deno.writeTextFile(`${project}/types.ts`, TYPES);
        await npmInstall(project, "typescript@5.9.3");
        const flags =
          "--noEmit --strict --target es2022 --module nodenext --lib esnext,dom,dom.iterable,dom.asynciterable";
        await run(project, ["npx", "tsc", ...flags.split(" "), "types.ts"]);
      });
    } finally {
      await Deno.remove(project, { recursive: true });
    }
  },
});
