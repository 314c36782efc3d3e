/** What linters of packages say, what is in the packed file, and whether `sideEffects` is true. */
import assert from "node:assert/strict";
import { NODE, ROOT, run, TARBALL } from "./npm.ts";
import { manifest, PROJECT, write } from "./project.ts";

/** Imports modules and tells what each of them changed, or wrote, by being imported alone. */
const EFFECTS = `
import { pathToFileURL } from "node:url";
const globals = () => [globalThis, Object.prototype, Array.prototype, Promise.prototype, Uint8Array.prototype]
  .map((object) => Reflect.ownKeys(object).map(String).join()).join("; ");
const effects = [];
process.on("exit", () => process.stdout.write(JSON.stringify(effects)));
for (const file of process.argv.slice(2)) {
  const before = globals();
  await import(pathToFileURL(file));
  if (globals() !== before) effects.push(file);
  const open = process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FSReq|File/.test(name));
  if (open.length > 0) effects.push(file + " leaves " + open);
}
`;

/** Entries that no program imports. */
const FILES = ["./models/*", "./schema.sql"];

export function lintTests(): void {
  Deno.test("package: publint has nothing to say, not even suggestions", async () => {
    const out = await run(PROJECT, ["npx", "publint", "run", TARBALL, "--strict"]);
    assert.match(out, /All good!/);
    assert.doesNotMatch(out, /Suggestions|Warnings|Errors/);
  });

  Deno.test("package: arethetypeswrong finds types for every entry, as a package of ES modules alone", async () => {
    const { exports } = await manifest();
    const entries = Object.keys(exports).filter((entry) => !FILES.includes(entry));
    const flags = ["--profile", "esm-only", "--format", "json", "--entrypoints", ...entries];
    const { analysis } = JSON.parse(await run(PROJECT, ["npx", "attw", TARBALL, ...flags]));
    assert.deepEqual(Object.keys(analysis.entrypoints).sort(), entries.sort());
    for (const entry of entries) {
      for (const way of ["node16-esm", "bundler"]) {
        const { resolution } = analysis.entrypoints[entry].resolutions[way];
        assert.match(resolution?.fileName ?? "none", /\.d\.ts$/, `${entry} by ${way}`);
      }
    }
  });

  Deno.test("package: one packed file with modules, declarations, WASM, the model, licence and README, and nothing else", async () => {
    const files = (await run(PROJECT, ["tar", "-tf", TARBALL])).trim().split("\n").map((file) => file.slice(8));
    const kinds =
      /^(package\.json|cloudflare\/schema\.sql|wasm_module\.d\.ts|LICENSE|README\.md|models\/nano\/[\w.-]+|(sdk|src)\/.*\.(js|d\.ts|wasm))$/;
    assert.deepEqual(files.filter((file) => !kinds.test(file)), []);
    for (const file of ["LICENSE", "README.md", "sdk/mod.js", "sdk/mod.d.ts", "sdk/image/image.wasm"]) {
      assert.ok(files.includes(file), file);
    }
    const { exports } = await manifest();
    for (const target of Object.values(exports).flatMap((entry) => Object.values(entry))) {
      const [before, after] = target.slice(2).split("*") as [string, string?];
      assert.ok(files.some((f) => after === undefined ? f === before : f.startsWith(before)), target);
    }
  });

  Deno.test("package: modules that sideEffects does not name change nothing by being imported", async () => {
    const { sideEffects } = await manifest();
    const files = (await run(PROJECT, ["tar", "-tf", TARBALL])).trim().split("\n").map((file) => file.slice(8));
    const silent = files.filter((file) => file.endsWith(".js") && !sideEffects.includes(`./${file}`));
    assert.ok(silent.length > 100 && sideEffects.every((file) => files.includes(file.slice(2))));
    await write("effects.js", EFFECTS);
    const paths = silent.map((file) => `node_modules/loris/${file}`);
    assert.deepEqual(JSON.parse(await run(PROJECT, [...NODE, "effects.js", ...paths])), []);
  });

  Deno.test("package: deno publish --dry-run finds nothing, no slow types either", async () => {
    // what is not committed yet is tested as well
    const args = ["publish", "--dry-run", "--allow-dirty"];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } });
    const { success, stderr } = await command.output();
    const words = new TextDecoder().decode(stderr);
    assert.ok(success && /Dry run complete/.test(words), words.slice(-4000));
    assert.doesNotMatch(words, /^(warning|error)/im);
  });
}
