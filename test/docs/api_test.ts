/** The API reference: everything public is documented, and the examples in its comments are programs that run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildApi } from "../../tools/build_api.ts";
import { serveFiles } from "../bench/workerd/file_server.ts";
import { inFolder } from "../folder.ts";
import { ROOT } from "./blocks.ts";
import { entryPoints, packageConfig } from "./package_config.ts";

const MODELS = { "text.gguf": "nano-text-q4_0.gguf", "mmproj.gguf": "nano-mmproj-q8_0.gguf" };
const ENTRIES = await entryPoints();

async function deno(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    ...{ cwd, stdin: "null", env: { NO_COLOR: "1", ...env } },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, said);
  return said;
}

/** Blocks of code in the comments of all modules. */
async function examples(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ["sdk", "src"]) {
    for await (const path of modulesUnder(join(ROOT, folder))) {
      const comments = (await Deno.readTextFile(path)).match(/\/\*\*[\s\S]*?\*\//g) ?? [];
      const text = comments.join("\n").replace(/^ *\* ?/gm, "");
      found.push(...text.match(/^```[\s\S]*?^```$/gm) ?? []);
    }
  }
  return found;
}

async function* modulesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* modulesUnder(join(folder, name));
    else if (name.endsWith(".ts")) yield join(folder, name);
  }
}

Deno.test("deno doc --lint has nothing to say of any entry point, but for Hono's type, which is another package's", async () => {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...ENTRIES.map(([, path]) => path)],
    ...{ cwd: ROOT, stdin: "null", env: { NO_COLOR: "1" } },
  }).output();
  const errors = new TextDecoder().decode(stderr).match(/^error\[.*$/gm);
  assert.deepEqual(errors, ["error[private-type-ref]: public type 'createApp' references private type 'Hono'"]);
});

Deno.test("deno task docs:api makes a page for every entry point, and a list of them with what each is for", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "api");
    await buildApi(out);
    const front = await Deno.readTextFile(join(out, "index.html"));
    for (const [name] of ENTRIES) {
      assert.match(front, new RegExp(`<a href="${name}/index\\.html"[^>]*><code>${name}</code></a></td>\\s*<td>\\w`));
      assert.match(await Deno.readTextFile(join(out, name, "index.html")), new RegExp(`from &quot;${name}&quot;`));
    }
  });
});

Deno.test("examples in doc comments pass the compiler and run, with the embedded model as text.gguf and mmproj.gguf", async () => {
  const blocks = (await examples()).filter((block) => block.startsWith("```ts\n"));
  assert.ok(blocks.length > 8, `${blocks.length} examples`);
  await inFolder(async (folder) => {
    const models = Object.entries(MODELS).map(([name, file]) => [name, join(ROOT, "models/nano", file)] as const);
    for (const [name, path] of models) await Deno.symlink(path, join(folder, name));
    await Deno.symlink(join(ROOT, "examples/photos"), join(folder, "photos"));
    await Deno.symlink(join(ROOT, "examples/photos/dogs_at_window.jpg"), join(folder, "photo.jpg"));
    // modules import all that a module exports into its examples, whether they use it or not
    const config = await packageConfig(folder, { noUnusedLocals: false });
    const server = serveFiles(models.map(([, path]) => path));
    try {
      const urls = models.map(([name, path]) => [`https://models.example/smolvlm/${name}`, server.url(path)]);
      const preload = fileURLToPath(new URL("example_fetch.ts", import.meta.url));
      const said = await deno(
        ["test", "--doc", "--no-lock", "--allow-all", "--config", config, "--preload", preload, "sdk", "src"]
          .map((arg) => arg === "sdk" || arg === "src" ? join(ROOT, arg) : arg),
        folder,
        { LORIS_EXAMPLE_URLS: JSON.stringify(Object.fromEntries(urls)) },
      );
      assert.ok(said.includes(`ok | ${blocks.length} passed | 0 failed`), said);
    } finally {
      await server.close();
    }
  });
});

Deno.test("the one example that cannot run here is cloudflare/worker.mjs, which tests of workerd run", async () => {
  const others = (await examples()).filter((block) => !block.startsWith("```ts\n"));
  assert.equal(others.length, 1, others.join("\n"));
  const places: Record<string, string> = {
    "loris/kernels.relaxed.wasm": "../sdk/backend/wasm/kernels.relaxed.wasm",
    "loris/kernels.simd128.wasm": "../sdk/backend/wasm/kernels.simd128.wasm",
    "loris/image.wasm": "../sdk/image/image.wasm",
    "loris/worker": "../src/worker.ts",
  };
  const program = others[0]!.replace(/"(loris\/.+)"/g, (_, name) => `"${places[name]}"`).split("\n").slice(1, -1);
  const worker = await Deno.readTextFile(join(ROOT, "cloudflare/worker.mjs"));
  assert.deepEqual(program, worker.trimEnd().split("\n").filter((line) => !line.startsWith("/**")));
});
