/** The npm package as its users get it: built, packed, and installed beside the tools that judge it. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../sdk/version.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const PHOTO = `${ROOT}examples/photos/dogs_at_window.jpg`;
export const MODEL = "node_modules/loris/models/nano";
/** Fetched by npm: older ones compute relaxed SIMD wrong and have to take the simd128 build. */
export const NODE = ["npx", "--yes", "node@22"] as const;

/** A folder that git ignores: the tools stay there, the package is new each time. */
export const PROJECT = `${ROOT}.bench/package`;
export const TARBALL = `loris-${VERSION}.tgz`;
const TOOLS = {
  "@arethetypeswrong/cli": "0.18.5",
  esbuild: "0.28.2",
  publint: "0.3.25",
  typescript: "5.9.3",
  vite: "8.3.8",
  wrangler: "4.164.0",
};

/** Runs a command; returns what it wrote to standard output. @throws {AssertionError} with all that it wrote, if it fails. */
export async function run(cwd: string, command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const [name, ...args] = command;
  const options = { args, cwd, env: { NO_COLOR: "1", ...env }, stdin: "null" } as const;
  const { success, stdout, stderr } = await new Deno.Command(name!, options).output();
  const text = new TextDecoder();
  const words = `${text.decode(stdout)}${text.decode(stderr)}`;
  assert.ok(success, `${command.join(" ")}\n${words.slice(-4000)}`);
  return text.decode(stdout);
}

/** True if npm is here; says so in words if not, for tests that must then be skipped. */
export async function hasNpm(): Promise<boolean> {
  try {
    await run(ROOT, ["npx", "--version"]);
    return true;
  } catch {
    // deno-lint-ignore no-console -- the reason for a skip belongs in the test's output
    console.log("skipped: npm is not here, or cannot be run; it is what installs the package and Node 22");
    return false;
  }
}

/** Builds and packs the package, and installs it from the packed file. */
export async function installProject(): Promise<void> {
  await run(ROOT, [Deno.execPath(), "run", "-A", "--quiet", "tools/build_package.ts", `${PROJECT}/package`]);
  await run(PROJECT, ["npm", "pack", "--silent", "./package"]);
  await Deno.remove(`${PROJECT}/package`, { recursive: true });
  const dependencies = { loris: `file:./${TARBALL}`, ...TOOLS };
  await Deno.writeTextFile(`${PROJECT}/package.json`, JSON.stringify({ private: true, type: "module", dependencies }));
  // npm takes a packed file of a name that it knows for the one that it has installed
  for (const path of ["node_modules/loris", "node_modules/.package-lock.json"]) {
    await Deno.remove(`${PROJECT}/${path}`, { recursive: true }).catch(() => {});
  }
  await run(PROJECT, ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]);
}

/** The installed package's manifest. */
export async function manifest(): Promise<{ exports: Record<string, { default: string }>; sideEffects: string[] }> {
  return JSON.parse(await Deno.readTextFile(`${PROJECT}/node_modules/loris/package.json`));
}

/** Writes a file of the project; folders on its way are made. */
export async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(`${PROJECT}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(`${PROJECT}/${path}`, text);
}
