/** The npm package as its users get it: built, packed, and installed beside the tools that judge it. */
import { npmInstall, packPackage, ROOT, TARBALL } from "./npm.ts";

export const PHOTO = `${ROOT}examples/photos/dogs_at_window.jpg`;
export const MODEL = "node_modules/loris/models/nano";

/** A folder that git ignores: the tools stay there, the package is new each time. */
export const PROJECT = `${ROOT}.bench/package`;
const TOOLS = {
  "@arethetypeswrong/cli": "0.18.5",
  esbuild: "0.28.2",
  publint: "0.3.25",
  typescript: "5.9.3",
  vite: "8.3.8",
  wrangler: "4.164.0",
};

/** Builds and packs the package, and installs it from the packed file. */
export async function installProject(): Promise<void> {
  await Deno.mkdir(PROJECT, { recursive: true });
  await packPackage(PROJECT);
  await Deno.remove(`${PROJECT}/npm`, { recursive: true });
  const dependencies = { loris: `file:./${TARBALL}`, ...TOOLS };
  await Deno.writeTextFile(`${PROJECT}/package.json`, JSON.stringify({ private: true, type: "module", dependencies }));
  // npm takes a packed file of a name that it knows for the one that it has installed
  for (const path of ["node_modules/loris", "node_modules/.package-lock.json"]) {
    await Deno.remove(`${PROJECT}/${path}`, { recursive: true }).catch(() => {});
  }
  await npmInstall(PROJECT, "--no-package-lock");
}

/** The installed package's manifest. */
export async function manifest(): Promise<{ exports: Record<string, { default: string }>; sideEffects: string[] }> {
  return JSON.parse(await Deno.readTextFile(`${PROJECT}/node_modules/loris/package.json`));
}

/** Entries that are modules of JavaScript; the others are files that bundles and deployments copy. */
export async function moduleEntries(): Promise<string[]> {
  const { exports } = await manifest();
  return Object.entries(exports).filter(([, target]) => target.default.endsWith(".js")).map(([entry]) => entry);
}

/** Writes a file of the project; folders on its way are made. */
export async function write(path: string, text: string): Promise<void> {
  await Deno.mkdir(`${PROJECT}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(`${PROJECT}/${path}`, text);
}
