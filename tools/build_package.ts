/**
 * Makes the npm package in dist/npm: a module of JavaScript and one of types for every TypeScript file, in the same
 * folders, with the `.wasm` files and the embedded model beside them as in the repository.
 *
 * One file in, one file out, not one bundle: `new URL("./x.wasm", import.meta.url)` then means the same in the package as
 * in the repository, bundlers see it, and whoever imports a sub-path takes only that. Name, version and dependencies are
 * those of package.json, entry points those of deno.json's `exports`.
 *
 * Usage: deno run -A tools/build_package.ts [OUT]
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import ts from "npm:typescript@5.9.3";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = process.argv[2] ?? join(root, "dist/npm");
/** Copied as they are; everything that a module finds through `import.meta.url`. */
const ASSETS = /\.(wasm|wgsl)$/;

/** What a `.wasm` file is to who imports it: workers may not compile modules. */
const WASM_MODULE = `declare const module: WebAssembly.Module;
export default module;
`;

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function compile(sources: string[]): void {
  const program = ts.createProgram(sources.map((file) => join(root, file)), {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts", "lib.dom.asynciterable.d.ts"],
    rootDir: root,
    outDir: out,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    strict: true,
    types: [],
    // `deno task check` is the type check; here Deno's and Node's own types are not known
    noCheck: true,
  });
  const { diagnostics, emitSkipped } = program.emit();
  if (emitSkipped || diagnostics.length > 0) {
    const host = { getCanonicalFileName: (f: string) => f, getCurrentDirectory: () => root, getNewLine: () => "\n" };
    throw new Error(ts.formatDiagnostics(diagnostics, host) || "TypeScript wrote nothing");
  }
}

/** TypeScript rewrites `./x.ts` in modules but leaves it in declarations, where a package has only `x.d.ts`. */
async function finish(file: string): Promise<void> {
  const base = join(out, file.replace(/\.ts$/, ""));
  const types = await readFile(`${base}.d.ts`, "utf8");
  await writeFile(`${base}.d.ts`, types.replace(/(from |import\()"(\.{1,2}\/[^"]+)\.ts"/g, '$1"$2.js"'));
  if (!file.startsWith("src/")) return;
  const code = await readFile(`${base}.js`, "utf8");
  await writeFile(`${base}.js`, code.replace(/^#!.*\n/, file === "src/deno.ts" ? "" : "#!/usr/bin/env node\n"));
}

async function manifest(): Promise<void> {
  const from = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const entries: Record<string, string> = JSON.parse(await readFile(join(root, "deno.json"), "utf8")).exports;
  const exports: Record<string, { types?: string; default: string }> = Object.fromEntries(
    Object.entries(entries).map(([name, file]) => {
      const base = file.replace(/\.ts$/, "");
      return [name, { types: `${base}.d.ts`, default: `${base}.js` }];
    }),
  );
  for (const file of ["backend/wasm/kernels.relaxed", "backend/wasm/kernels.simd128", "image/image"]) {
    exports[`./${basename(file)}.wasm`] = { types: "./wasm_module.d.ts", default: `./sdk/${file}.wasm` };
  }
  // what bundlers and deployments copy
  exports["./models/*"] = { default: "./models/*" };
  exports["./schema.sql"] = { default: "./cloudflare/schema.sql" };
  await writeFile(join(out, "wasm_module.d.ts"), WASM_MODULE);
  delete from.private;
  const whole = {
    ...from,
    exports,
    types: exports["."]?.types,
    bin: { loris: "src/cli.js" },
    sideEffects: ["./src/cli.js", "./src/deno.js"],
  };
  await writeFile(join(out, "package.json"), JSON.stringify(whole, null, 2) + "\n");
}

await rm(out, { recursive: true, force: true });
// what the page is made of is in src/service/generated
const all = [...await filesUnder("sdk"), ...await filesUnder("src")].filter((file) => !/^src.page\b/.test(file)).sort();
const sources = all.filter((file) => file.endsWith(".ts"));
compile(sources);
for (const file of sources) await finish(file);
for (
  const file of [...all.filter((file) => ASSETS.test(file)), "models", "cloudflare/schema.sql", "LICENSE", "README.md"]
) {
  await mkdir(dirname(join(out, file)), { recursive: true });
  await cp(join(root, file), join(out, file), { recursive: true });
}
await manifest();
