/** The floors of the house (CONTRIBUTING.md), held by reading every import of sdk/ and src/. */
import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

/** First match decides; a file may import from its own floor and from those below. */
const FLOORS: readonly (readonly [RegExp, number])[] = [
  [/^src\//, 7],
  [/^sdk\/(mod|inspect|probe|probe_prompt|calibrate|calibrate_judge|calibrate_report|quantize|evaluate)\.ts$/, 6],
  [/^sdk\/(load|backend_choice|captioner|prepared_chat|chat|reports|answer)\.ts$/, 5],
  [/^sdk\/generate\//, 4],
  [/^sdk\/model\//, 3],
  [/^sdk\/lazy\//, 2],
  [/^sdk\/(errors|version)\.ts$/, 0],
  [/^sdk\/sources\/source\.ts$/, 0],
  [/^sdk\/(backend|gguf|sources|text|image|memory|platform|evaluate)\//, 1],
];

/** The only files of the SDK that may name a runtime, and why. */
const ADAPTERS: Readonly<Record<string, string>> = {
  "sdk/platform/asset.ts": "reads the package's own files in each runtime",
  "sdk/sources/file.ts": "a file on disk",
  "sdk/backend/wasm/build.ts": "leaves relaxed SIMD to engines that compute it right, told by their version",
};

interface Module {
  readonly code: string;
  readonly imports: readonly string[];
}

function floorOf(file: string): number | undefined {
  return FLOORS.find(([pattern]) => pattern.test(file))?.[1];
}

/** Source without comments; strings stay, because import specifiers are strings. */
function withoutComments(source: string): string {
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return source.replace(token, (text) => (/^\/[/*]/.test(text) ? " " : text));
}

function importsOf(file: string, code: string): string[] {
  const specifier = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g;
  return [...code.matchAll(specifier)].map(([, name]) => name!).map((name) =>
    name.startsWith(".") ? new URL(name, `file:///${file}`).pathname.slice(1) : name
  );
}

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, root))) {
    if (entry.isDirectory) yield* filesUnder(`${folder}${entry.name}/`);
    else yield `${folder}${entry.name}`;
  }
}

async function readModules(folders: readonly string[]): Promise<Map<string, Module>> {
  const modules = new Map<string, Module>();
  for (const folder of folders) {
    for await (const file of filesUnder(folder)) {
      if (!file.endsWith(".ts")) continue;
      const code = withoutComments(await Deno.readTextFile(new URL(file, root)));
      modules.set(file, { code, imports: importsOf(file, code) });
    }
  }
  return modules;
}

function upwardImports(modules: ReadonlyMap<string, Module>): string[] {
  return [...modules].flatMap(([file, { imports }]) =>
    imports.filter((to) => modules.has(to) && floorOf(to)! > floorOf(file)!).map((to) => `${file} -> ${to}`)
  );
}

/** The first circle found, as a path that ends where it began. */
function circle(modules: ReadonlyMap<string, Module>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  function walk(file: string): string[] | undefined {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const to of modules.get(file)?.imports ?? []) {
      const found = modules.has(to) ? walk(to) : undefined;
      if (found) return found;
    }
    path.pop();
    done.add(file);
    return undefined;
  }
  for (const file of modules.keys()) {
    const found = walk(file);
    if (found) return found;
  }
  return undefined;
}

function runtimeNames(code: string): string[] {
  return code.match(/"node:[a-z/]+"|\bDeno\.\w+|\bprocess\??\.\w+|\bBuffer\.\w+|\brequire\(|\b__dirname\b/g) ?? [];
}

function module(...imports: string[]): Module {
  return { code: "", imports };
}

const modules = await readModules(["sdk/", "src/"]);
const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));

Deno.test("architecture: every file of sdk/ and src/ has a floor", () => {
  assert.ok(modules.size > 20, `only ${modules.size} files were found`);
  assert.deepEqual([...modules.keys()].filter((file) => floorOf(file) === undefined), []);
});

Deno.test("architecture: every relative import names a file that is there", () => {
  const missing = [...modules].flatMap(([file, { imports }]) =>
    imports.filter((to) => /^(sdk|src)\//.test(to) && !modules.has(to)).map((to) => `${file} -> ${to}`)
  );
  assert.deepEqual(missing, []);
});

Deno.test("architecture: no file imports from a floor above its own", () => {
  assert.deepEqual(upwardImports(modules), []);
});

Deno.test("architecture: imports make no circle", () => {
  assert.equal(circle(modules)?.join(" -> "), undefined);
});

Deno.test("architecture: only named adapters of the SDK use a runtime's own names", () => {
  const found = [...modules].filter(([file]) => file.startsWith("sdk/") && !(file in ADAPTERS))
    .flatMap(([file, { code }]) => runtimeNames(code).map((name) => `${file}: ${name}`));
  assert.deepEqual(found, []);
});

Deno.test("architecture: the service uses no runtime's own names", () => {
  const service = [...modules].filter(([file]) => file.startsWith("src/service/"));
  assert.ok(service.length > 20);
  assert.deepEqual(service.flatMap(([file, { code }]) => runtimeNames(code).map((name) => `${file}: ${name}`)), []);
});

Deno.test("architecture: the service does not stand on the command line", () => {
  const imports = [...modules].filter(([file]) => file.startsWith("src/service/")).flatMap(([, module]) =>
    module.imports
  );
  assert.deepEqual(imports.filter((to) => to.startsWith("src/") && !to.startsWith("src/service/")), []);
});

Deno.test("architecture: every adapter in the list still is one", () => {
  const idle = Object.keys(ADAPTERS).filter((file) =>
    !/\bprocess\b|\bDeno\b|"node:/.test(modules.get(file)?.code ?? "")
  );
  assert.deepEqual(idle, []);
});

Deno.test("architecture: every file is imported by another, or is an entry point", () => {
  const entries: string[] = Object.values(config.exports as Record<string, string>).map((file) => file.slice(2));
  const reached = new Set([
    ...entries,
    "src/cli.ts",
    "src/deno.ts",
    // bundled into src/service/generated/page.ts
    "src/page/client.ts",
    // what tools/check_wgsl.ts and tests hold against the shaders
    "sdk/backend/webgpu/operations.ts",
    ...[...modules.values()].flatMap(({ imports }) => imports),
  ]);
  assert.deepEqual([...modules.keys()].filter((file) => !reached.has(file)), []);
  assert.deepEqual(entries.filter((file) => !modules.has(file)), [], "deno.json exports files that are not there");
});

Deno.test("architecture: package.json and deno.json pin the same dependencies and version", async () => {
  const npm = JSON.parse(await Deno.readTextFile(new URL("package.json", root)));
  const pinned = Object.fromEntries(
    Object.entries(config.imports as Record<string, string>).filter(([, to]) => to.startsWith("npm:"))
      .map(([name, to]) => [name, to.slice(`npm:${name}@`.length)]),
  );
  assert.deepEqual(npm.dependencies, pinned);
  assert.equal(npm.version, config.version);
});

Deno.test("upwardImports() finds an import from below to above", () => {
  const house = new Map([["sdk/gguf/a.ts", module("sdk/model/b.ts")], ["sdk/model/b.ts", module()]]);
  assert.deepEqual(upwardImports(house), ["sdk/gguf/a.ts -> sdk/model/b.ts"]);
});

Deno.test("circle() finds the way round", () => {
  const house = new Map([["a", module("b")], ["b", module("c")], ["c", module("b")]]);
  assert.deepEqual(circle(house), ["b", "c", "b"]);
});

Deno.test("importsOf() sees static, dynamic, type and re-exported imports, and none in comments", () => {
  const source = `import type { A } from "./a.ts"; /* from "./no.ts" */ export * from "../b.ts"; // import "./no2.ts"
    const c = await import("node:fs"); import "./d.ts";`;
  assert.deepEqual(importsOf("sdk/x/y.ts", withoutComments(source)), [
    "sdk/x/a.ts",
    "sdk/b.ts",
    "node:fs",
    "sdk/x/d.ts",
  ]);
});

Deno.test("runtimeNames() finds each runtime's globals", () => {
  assert.deepEqual(runtimeNames(`Deno.env; process?.env; Buffer.from(x); import("node:fs")`), [
    "Deno.env",
    "process?.env",
    "Buffer.from",
    '"node:fs"',
  ]);
});
