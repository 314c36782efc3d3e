/**
 * Makes the site: the page, its scripts in bundles, the `.wasm` files, sample photos, and the model with a list of its parts'
 * digests. The result is static files alone; the server must answer ranges.
 *
 * Usage: deno task example:browser [--serve [PORT]] [--out FOLDER] (examples/browser/dist, port 8080)
 */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, type BuildOptions, stop } from "npm:esbuild@0.28.2";
import { packages } from "../../tools/packages_plugin.ts";
import { sha256Hex } from "../../sdk/platform/digest.ts";
import type { ModelFiles } from "./messages.ts";
import { serveFolder } from "./serve.ts";
import type { WeightsFile } from "./weights.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));
/** A part is held in memory while it is read, and is fetched again as a whole if it is damaged. */
const PART_BYTES = 2 * 2 ** 20;
const MODEL = { text: "models/nano/nano-text-q4_0.gguf", vision: "models/nano/nano-mmproj-q8_0.gguf" };
/** From where they are in the repository to where the bundles look for them: the SDK asks for them relative to itself. */
const BESIDE: Readonly<Record<string, string>> = {
  "sdk/backend/wasm/kernels.relaxed.wasm": "backend/wasm/kernels.relaxed.wasm",
  "sdk/backend/wasm/kernels.simd128.wasm": "backend/wasm/kernels.simd128.wasm",
  "sdk/image/image.wasm": "image/image.wasm",
  "examples/photos/dogs_at_window.jpg": "photos/dogs_at_window.jpg",
  "examples/photos/mountain_path.jpg": "photos/mountain_path.jpg",
  "examples/photos/stream.jpg": "photos/stream.jpg",
  "examples/photos/rocket.jpg": "photos/rocket.jpg",
  "examples/browser/index.html": "index.html",
};
const BUNDLE: BuildOptions = {
  ...{ bundle: true, minify: true, charset: "utf8", legalComments: "none", logLevel: "error" },
  target: ["es2022", "safari16.4", "chrome113", "firefox121"],
  plugins: [packages()],
};

/** Builds the site into an empty folder. */
export async function buildSite(out: string): Promise<void> {
  await rm(out, { recursive: true, force: true });
  const entries = ["main.ts", "model_worker.ts", "style.css"].map((file) => join(here, file));
  await build({ ...BUNDLE, entryPoints: entries, outdir: out, format: "esm", splitting: true });
  await Promise.all(Object.entries(BESIDE).map(([from, to]) => copy(join(root, from), join(out, to))));
  const model: ModelFiles = { text: await addWeights(MODEL.text, out), vision: await addWeights(MODEL.vision, out) };
  await writeFile(join(out, "model.json"), JSON.stringify(model));
  const files = await pageFiles(out);
  const version = await sha256Hex(new TextEncoder().encode(JSON.stringify(files)));
  await build({
    ...{ ...BUNDLE, entryPoints: [join(here, "service_worker.ts")], outdir: out, format: "iife" },
    define: { FILES: JSON.stringify(files), VERSION: JSON.stringify(version) },
  });
  await stop();
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

/** Puts a model file there, and tells its parts. */
async function addWeights(path: string, out: string): Promise<WeightsFile> {
  const file = path.slice(path.lastIndexOf("/") + 1);
  await copyFile(join(root, path), join(out, file));
  const bytes = await readFile(join(out, file));
  const sha256: string[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    sha256.push(await sha256Hex(bytes.subarray(at, at + PART_BYTES)));
  }
  return { file, bytes: bytes.length, partBytes: PART_BYTES, sha256 };
}

/** What the page is made of, without the model: what the service worker keeps. */
async function pageFiles(out: string): Promise<Record<string, string>> {
  const paths = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".gguf"))
    .map((entry) => join(entry.parentPath, entry.name)).sort();
  const files: Record<string, string> = {};
  for (const path of paths) {
    const name = path.slice(join(out, "/").length).replaceAll("\\", "/");
    files[name === "index.html" ? "./" : `./${name}`] = await sha256Hex(await readFile(path));
  }
  return files;
}

if (import.meta.main) {
  const { values: { out, serve }, positionals: [port = "8080"] } = parseArgs({
    options: { out: { type: "string", default: join(here, "dist") }, serve: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  await buildSite(out!);
  process.stdout.write(`${out}\n`);
  if (serve) {
    const { url } = serveFolder(out!, Number(port));
    process.stdout.write(`${url}\n`);
  }
}
