/** The package through esbuild, Vite and wrangler: what they make runs, and its WASM files are found. */
import assert from "node:assert/strict";
import { serveFiles } from "../bench/workerd/file_server.ts";
import { bundleModules, installMiniflare, startMiniflare } from "../workerd/miniflare.ts";
import { captionText, IN_R2, putModel } from "../workerd/worker.ts";
import { NODE, run } from "./npm.ts";
import { MODEL, moduleEntries, PHOTO, PROJECT, write } from "./project.ts";

const NAMES = ["nano-text-q4_0.gguf", "nano-mmproj-q8_0.gguf"];

/** Modules by their files, which esbuild copies beside the bundle. */
const FOR_ESBUILD = `
import { readFile } from "node:fs/promises";
import { load } from "loris";
import { fileSource } from "loris/sources/file";
import relaxed from "loris/kernels.relaxed.wasm";
import decoder from "loris/image.wasm";
const [model, photo] = process.argv.slice(2);
const compile = async (path) => await WebAssembly.compile(await readFile(new URL(path, import.meta.url)));
const captioner = await load({
  text: fileSource(model + "/${NAMES[0]}"),
  vision: fileSource(model + "/${NAMES[1]}"),
  modules: { kernels: await compile(relaxed), build: "relaxed", image: await compile(decoder) },
});
console.log((await captioner.caption(await readFile(photo)).result).text);
await captioner.close();
`;

/** Nothing but the package's own \`new URL(..., import.meta.url)\`. */
const FOR_VITE = `
import { load } from "loris";
import { httpSource } from "loris/sources/http";
globalThis.describe = async (text, vision, photo) => {
  const captioner = await load({ text: httpSource(text), vision: httpSource(vision) });
  const answer = await captioner.caption(photo).result;
  await captioner.close();
  return answer.text;
};
`;

const IN_PAGE = `
const [script, text, vision, photo] = Deno.args;
await import(script);
console.log(await globalThis.describe(text, vision, await Deno.readFile(photo)));
`;

/** What docs/cloudflare.md shows. */
async function documentedWorker(): Promise<string> {
  const page = await Deno.readTextFile(new URL("../../docs/cloudflare.md", import.meta.url));
  return /## A worker of your own\n+```js.*\n([^]*?)```/.exec(page)![1]!;
}

export function bundlerTests(): void {
  Deno.test("package: an import that nobody uses is nothing in a bundle of esbuild", async () => {
    const entries = await moduleEntries();
    await write("esbuild/unused.js", entries.map((entry) => `import "${entry.replace(/^\./, "loris")}";\n`).join(""));
    const flags = ["--bundle", "--format=esm", "--platform=node", "--log-level=error"];
    assert.equal((await run(PROJECT, ["npx", "esbuild", "esbuild/unused.js", ...flags])).trim(), "");
    await write("esbuild/used.js", `import "../node_modules/loris/src/cli.js";`);
    const used = await run(PROJECT, ["npx", "esbuild", "esbuild/used.js", ...flags]);
    assert.ok(used.length > 100_000, "what does something by being imported stays");
  });

  Deno.test("package: a bundle of esbuild with the WASM as files runs under Node 22, away from the package", async () => {
    await write("esbuild/main.js", FOR_ESBUILD);
    const flags = ["--bundle", "--format=esm", "--platform=node", "--loader:.wasm=file", "--log-level=error"];
    await run(PROJECT, [
      "npx",
      "esbuild",
      "esbuild/main.js",
      ...flags,
      "--outdir=esbuild/dist",
      "--out-extension:.js=.mjs",
    ]);
    const away = await Deno.makeTempDir();
    for (const { name } of Deno.readDirSync(`${PROJECT}/esbuild/dist`)) {
      await Deno.copyFile(`${PROJECT}/esbuild/dist/${name}`, `${away}/${name}`);
    }
    assert.match(await run(away, [...NODE, "main.mjs", `${PROJECT}/${MODEL}`, PHOTO]), /dog/);
    await Deno.remove(away, { recursive: true });
  });

  Deno.test("package: a page of Vite has the WASM files, and captions when it is served", async () => {
    await write("vite/index.html", `<!doctype html><script type="module" src="./main.js"></script>`);
    await write("vite/main.js", FOR_VITE);
    // which would ask for a document, that Deno has not
    await write("vite/vite.config.js", "export default { build: { modulePreload: false } };");
    await Deno.remove(`${PROJECT}/vite/dist`, { recursive: true }).catch(() => {});
    const build = [...NODE, "../node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"];
    assert.equal(await run(`${PROJECT}/vite`, build), "", "no warning");
    const asked: string[] = [];
    const site = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      const type = pathname.endsWith(".js") ? "text/javascript" : "application/wasm";
      const body = await Deno.readFile(`${PROJECT}/vite/dist${pathname}`).catch(() => undefined);
      return new Response(body ?? null, { status: body ? 200 : 404, headers: { "content-type": type } });
    });
    const models = NAMES.map((name) => `${PROJECT}/${MODEL}/${name}`);
    const server = serveFiles(models);
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await Deno.readTextFile(`${PROJECT}/vite/dist/index.html`))![1];
    await write("vite/page.js", IN_PAGE);
    const page = ["run", "-A", "--quiet", "vite/page.js", `http://127.0.0.1:${site.addr.port}${script}`];
    // a folder of its own for what is imported by its URL: ports come again with other contents
    const cache = await Deno.makeTempDir();
    const urls = models.map((path) => server.url(path));
    const said = await run(PROJECT, [Deno.execPath(), ...page, ...urls, PHOTO], { DENO_DIR: cache });
    assert.match(said, /dog/);
    assert.equal(asked.filter((path) => /(kernels\.\w+|image)-[\w-]+\.wasm$/.test(path)).length, 2, asked.join());
    await Promise.all([site.shutdown(), server.close(), Deno.remove(cache, { recursive: true })]);
  });

  Deno.test("package: the worker of docs/cloudflare.md is bundled by wrangler, and captions in workerd", async () => {
    await write("worker/worker.mjs", await documentedWorker());
    const settings = { name: "captions", main: "worker.mjs", compatibility_date: "2026-04-01" };
    await write("worker/wrangler.json", JSON.stringify(settings));
    await Deno.remove(`${PROJECT}/worker/out`, { recursive: true }).catch(() => {});
    const deploy = ["../node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", "out"];
    await run(`${PROJECT}/worker`, [...NODE, ...deploy], { WRANGLER_SEND_METRICS: "false", CI: "1" });
    const out = [...Deno.readDirSync(`${PROJECT}/worker/out`)].map(({ name }) => `${PROJECT}/worker/out/${name}`);
    const files = out.filter((name) => name.endsWith(".wasm"));
    assert.equal(files.length, 3, out.join());
    await installMiniflare();
    const modules = await bundleModules({ code: `${PROJECT}/worker/out/worker.js`, files });
    const miniflare = startMiniflare(modules, { compatibilityFlags: ["enable_request_signal"], ...IN_R2 });
    try {
      const url = (await miniflare.ready).href.replace(/\/$/, "");
      await putModel({ miniflare, url, [Symbol.asyncDispose]: () => miniflare.dispose() });
      assert.match(await captionText(url), /dog/);
    } finally {
      await miniflare.dispose();
    }
  });
}
