/**
 * Sizes of what a user downloads, raw and gzip, against the budgets in sizes.json (measured + about 5 %). Exit status 1 if
 * one is over; a budget that nothing has any more is an error too, so that the file stays true.
 *
 * Usage: deno task sizes
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Buffer } from "node:buffer";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, stop } from "npm:esbuild@0.28.2";
import { bundleWorker } from "./bundle_worker.ts";
import { packages } from "./packages_plugin.ts";

interface Size {
  readonly raw: number;
  readonly gzip: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));
function sizeOf(bytes: Uint8Array): Size {
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
}

/** The entry as a bundler for browsers and Workers would ship it; `later`: what it loads only where that is asked for. */
async function bundle(entry: string, dependencies: boolean): Promise<Size & { readonly later: Size }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(root, entry)],
    ...{ bundle: true, splitting: true, outdir: join(root, "dist"), metafile: true },
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    plugins: [packages(dependencies)],
    logLevel: "error",
  });
  const outputs = new Map(outputFiles.map(({ path, contents }) => [relative(process.cwd(), path), contents]));
  const first = new Set<string>();
  const follow = (path: string) => {
    if (first.has(path)) return;
    first.add(path);
    for (const { path: to, kind, external } of metafile.outputs[path]!.imports) {
      if (kind === "import-statement" && !external) follow(to);
    }
  };
  follow(Object.keys(metafile.outputs).find((path) => metafile.outputs[path]!.entryPoint?.endsWith(entry))!);
  const of = (paths: readonly string[]) => sizeOf(Buffer.concat(paths.map((path) => outputs.get(path)!)));
  return { ...of([...first]), later: of([...outputs.keys()].filter((path) => !first.has(path))) };
}

const entries = await readdir(join(root, "sdk"), { recursive: true, withFileTypes: true });
const modules = entries.filter((entry) => entry.name.endsWith(".wasm"))
  .map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
const sizes = new Map<string, Size>();
for (const file of modules) sizes.set(file, sizeOf(await readFile(join(root, file))));
const exported: Record<string, string> = JSON.parse(await readFile(join(root, "deno.json"), "utf8")).exports;
const alone = await bundle("sdk/mod.ts", false);
sizes.set("sdk/mod.ts, minified", alone);
sizes.set("WebGPU, where it is asked for", alone.later);
sizes.set("sdk/mod.ts, minified, with dependencies", await bundle("sdk/mod.ts", true));
sizes.set("src/service/app.ts, minified", await bundle("src/service/app.ts", false));
sizes.set("src/service/app.ts, minified, with dependencies", await bundle("src/service/app.ts", true));
const { code, files } = await bundleWorker("cloudflare/nano.mjs", await mkdtemp(join(tmpdir(), "loris-worker-")));
for (const [name, file] of Object.entries(exported)) {
  // those above, under their files' names
  if (name !== "." && name !== "./service") {
    sizes.set(`loris${name.slice(1)}, minified`, await bundle(file.slice(2), false));
  }
}
sizes.set("cloudflare/nano.mjs, bundled, code alone", sizeOf(await readFile(code)));
const whole = await Promise.all([code, ...files].map(async (file) => sizeOf(await readFile(file))));
sizes.set("cloudflare/nano.mjs, bundled, all files", {
  raw: whole.reduce((sum, { raw }) => sum + raw, 0),
  gzip: whole.reduce((sum, { gzip }) => sum + gzip, 0),
});
await rm(dirname(code), { recursive: true });
await stop();

const budgets = new Map<string, Size>(
  Object.entries(JSON.parse(await readFile(join(root, "tools/sizes.json"), "utf8"))),
);
let over = 0;
for (const [name, { raw, gzip }] of sizes) {
  const budget = budgets.get(name);
  const fits = budget !== undefined && raw <= budget.raw && gzip <= budget.gzip;
  if (!fits) over++;
  const against = budget ? `budget ${budget.raw} / ${budget.gzip}` : "no budget in tools/sizes.json";
  process.stdout.write(`${fits ? "ok  " : "OVER"} ${raw} bytes, ${gzip} gzip (${against})  ${name}\n`);
}
for (const name of budgets.keys()) {
  if (sizes.has(name)) continue;
  over++;
  process.stdout.write(`GONE tools/sizes.json has a budget for "${name}", which is not there\n`);
}
process.exitCode = over === 0 ? 0 : 1;
