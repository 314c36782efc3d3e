/**
 * Bundles the Cloudflare Worker: one module of code, with the compiled modules and model files beside it as they are, for a
 * workerd of one's own, tests and sizes. Users of the npm package let wrangler bundle (examples/caption-worker).
 *
 * Usage: deno task worker:bundle [ENTRY [OUT]], by default cloudflare/worker.mjs into dist/worker.
 */
import { copyFile, mkdir, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, type Plugin, stop } from "npm:esbuild@0.28.2";
import { packages } from "./packages_plugin.ts";
import { withoutGpu } from "./without_gpu_plugin.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Files of a bundle: its code, and what it imports as it is. */
export interface WorkerBundle {
  readonly code: string;
  readonly files: readonly string[];
}

/** Bundles an entry into an empty folder. */
export async function bundleWorker(entry: string, out: string): Promise<WorkerBundle> {
  const files = new Set<string>();
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  const code = join(out, "worker.mjs");
  await build({
    entryPoints: [resolve(root, entry)],
    outfile: code,
    ...{ bundle: true, minify: true, format: "esm", target: "es2022", legalComments: "none", logLevel: "error" },
    plugins: [filesBeside(files), withoutGpu, packages()],
  });
  await stop();
  for (const file of files) await copyFile(file, join(out, basename(file)));
  return { code, files: [...files].map((file) => join(out, basename(file))) };
}

/** What the runtime itself imports: compiled modules and data. */
function filesBeside(files: Set<string>): Plugin {
  return {
    name: "files beside the code",
    setup: ({ onResolve }) => {
      onResolve({ filter: /\.(wasm|gguf)$/ }, ({ path, importer }) => {
        files.add(resolve(dirname(importer), path));
        return { path: `./${basename(path)}`, external: true };
      });
    },
  };
}

if (import.meta.main) {
  const [entry = "cloudflare/worker.mjs", out = join(root, "dist/worker")] = process.argv.slice(2);
  const { code, files } = await bundleWorker(entry, out);
  process.stdout.write([code, ...files].map((file) => `${file}\n`).join(""));
}
