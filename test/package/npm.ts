/** The npm package as its users get it, and the Node 22 that they run it with. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../sdk/version.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Name of the packed file. */
export const TARBALL = `loris-${VERSION}.tgz`;
/** Fetched by npm: older ones compute relaxed SIMD wrong and have to take the simd128 build. */
export const NODE = ["npx", "--yes", "node@22"] as const;

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

/** True if there is npm; says so in words if not, for tests that must then be skipped. */
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

/** Builds and packs the package into a folder; returns the packed file's path. */
export async function packPackage(folder: string): Promise<string> {
  await run(ROOT, [Deno.execPath(), "run", "-A", "--quiet", "tools/build_package.ts", `${folder}/npm`]);
  await run(folder, ["npm", "pack", "--silent", "./npm"]);
  return `${folder}/${TARBALL}`;
}

/** Installs what a project's package.json names, and packages besides. */
export async function npmInstall(project: string, ...packages: readonly string[]): Promise<void> {
  await run(project, ["npm", "install", "--silent", "--no-audit", "--no-fund", ...packages]);
}
