/** The package in a Node 22 project and in Deno's: imported by name, asked, and type-checked against its declarations. */
import assert from "node:assert/strict";
import { NODE, ROOT, run } from "./npm.ts";
import { MODEL, moduleEntries, PHOTO, PROJECT, write } from "./project.ts";

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
import image from "loris/image.wasm";
const captioner: Captioner = await load({ text: fileSource("a"), vision: fileSource("b") });
const text: string = (await captioner.caption(new Uint8Array()).result).text;
// @ts-expect-error a caption is a string: the types are there, not "any"
const wrong: number = (await captioner.caption(new Uint8Array()).result).text;
const options: ServiceOptions = { maxWaiting: 3, shutdown: new AbortController().signal };
const response: Response = await createApp(captioner, options).fetch(new Request("http://x/health"));
// @ts-expect-error no such option
createApp(captioner, { maxWait: 3 });
const decoder: WebAssembly.Module = image;
export { decoder, LorisError, response, text, wrong };
`;

const EVERYTHING = `
for (const name of process.argv.slice(2)) {
  const exported = Object.keys(await import(name));
  if (exported.length === 0) throw new Error(name + " exports nothing");
}
console.log(process.argv.length - 2);
`;

export function nodeTests(): void {
  Deno.test("package: every entry of exports is imported by Node 22", async () => {
    const entries = await moduleEntries();
    assert.ok(entries.length > 20);
    await write("everything.js", EVERYTHING);
    const names = entries.map((entry) => entry.replace(/^\./, "loris"));
    assert.equal(await run(PROJECT, [...NODE, "everything.js", ...names]), `${entries.length}\n`);
  });

  Deno.test("package: load() and caption() run under Node 22, and alike under Deno from node_modules", async () => {
    await write("caption.js", CAPTION);
    const out = JSON.parse(await run(PROJECT, [...NODE, "caption.js", MODEL, PHOTO]));
    const { node, text, usage } = out;
    assert.match(node, /^22\./);
    assert.match(text, /dog/);
    assert.equal(usage.imageTokens, 64);
    const inDeno = [Deno.execPath(), "run", "-A", "--quiet", "--node-modules-dir=manual", "caption.js", MODEL, PHOTO];
    assert.equal(JSON.parse(await run(PROJECT, inDeno)).text, text);
  });

  Deno.test("package: the service answers under Node 22", async () => {
    await write("service.js", SERVICE);
    const { description, events, page } = JSON.parse(await run(PROJECT, [...NODE, "service.js", MODEL, PHOTO]));
    assert.match(description, /dog/);
    assert.deepEqual(events.slice(-2), ["data: [DONE]", ""]);
    assert.ok(events.length > 4);
    assert.match(page, /^<!doctype html>[^]*<\/script>/);
  });

  Deno.test("package: the bin says under Node 22 what the command line says under Deno", async () => {
    const args = ["caption", "--json", PHOTO];
    const node = JSON.parse(await run(PROJECT, [...NODE, "node_modules/loris/src/cli.js", ...args]));
    const deno = JSON.parse(
      await run(ROOT, [Deno.execPath(), "run", "--quiet", "--allow-read", "--allow-env", "src/cli.ts", ...args]),
    );
    assert.equal(node.caption, deno.caption);
    assert.deepEqual(node.usage, deno.usage);
    assert.equal(node.backend, deno.backend);
  });

  Deno.test("package: the bin quantizes under Node 22", async () => {
    const args = ["quantize", `${MODEL}/nano-mmproj-q8_0.gguf`, "q4.gguf", "--type", "q4", "--force"];
    const out = await run(PROJECT, [...NODE, "node_modules/.bin/loris", ...args]);
    assert.match(out, /^q4\.gguf: 13542432 bytes .*\n +73 tensors Q8_0 to Q4_0/);
  });

  Deno.test("package: the declarations type-check, strictly, in a project of its own", async () => {
    await write("types.ts", TYPES);
    const flags = "--noEmit --strict --target es2022 --module nodenext --lib esnext,dom,dom.iterable,dom.asynciterable";
    await run(PROJECT, ["npx", "tsc", ...flags.split(" "), "types.ts"]);
  });
}
