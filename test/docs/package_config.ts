/** Configuration for programs that know the package by its name. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "./blocks.ts";

/** Entry points of the package: what is imported, and the file that it is. */
export async function entryPoints(): Promise<[name: string, path: string][]> {
  const { exports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  return Object.entries<string>(exports).map(([name, path]) => [name.replace(".", "loris"), join(ROOT, path)]);
}

/** Writes a deno.json into a folder. @param options Of the compiler, in which it differs from the repository's. */
export async function packageConfig(folder: string, options: Record<string, unknown> = {}): Promise<string> {
  const { imports, compilerOptions } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const own = (await entryPoints()).map(([name, path]) => [name, pathToFileURL(path).href]);
  const path = join(folder, "deno.json");
  const config = {
    imports: { ...imports, ...Object.fromEntries(own) },
    compilerOptions: { ...compilerOptions, ...options },
    nodeModulesDir: "none",
  };
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}
