/** The package as a worker's author would deploy it: built, then bundled with the handler into one module. */
import { build, stop } from "npm:esbuild@0.28.2";
import { run } from "../command.ts";

const root = new URL("../../../", import.meta.url).pathname;
const DEPENDENCIES = /^(@huggingface\/(jinja|tokenizers)|@valibot\/to-json-schema|valibot|hono)(\/|$)/;

/** Files that a worker needs, by path. */
export interface Bundle {
  readonly handler: string;
  readonly relaxed: string;
  readonly simd128: string;
  readonly image: string;
}

/** Builds the package and a handler's bundle into a folder. @param entry The module with the handler. */
export async function bundle(folder: string, entry = "test/bench/workerd/handler.ts"): Promise<Bundle> {
  const built = `${folder}package`;
  await run(root, Deno.execPath(), ["run", "--allow-all", "tools/build_package.ts", built]);
  const handler = `${folder}handler.mjs`;
  await build({
    entryPoints: [`${root}${entry}`],
    outfile: handler,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    plugins: [{
      name: "the package's modules in the place of the sources",
      setup: ({ onResolve }) => {
        onResolve({ filter: /\/(sdk|src)\/.+\.ts$/ }, ({ path }) => ({
          path: `${built}/${path.slice(path.search(/(sdk|src)\//)).replace(/\.ts$/, ".js")}`,
        }));
        // there is no node_modules here: Deno keeps the packages, and says where
        onResolve({ filter: DEPENDENCIES }, ({ path }) => ({ path: new URL(import.meta.resolve(path)).pathname }));
      },
    }],
    logLevel: "error",
  });
  await stop();
  const wasm = (name: string) => `${built}/sdk/${name}.wasm`;
  return {
    handler,
    relaxed: wasm("backend/wasm/kernels.relaxed"),
    simd128: wasm("backend/wasm/kernels.simd128"),
    image: wasm("image/image"),
  };
}
