/**
 * Makes `sdk/backend/webgpu/generated/shaders.ts` of `wgsl/`: every operation's shader as text, its imports resolved and its
 * comments gone. A module is the one form that Deno, Node and every bundler load as it is; it is committed, as the `.wasm`
 * files are. `test/webgpu/shaders_test.ts` fails if it is not what this makes.
 *
 * `#import NAME` stands for the text of `wgsl/lib/NAME.wgsl`, once in a shader.
 *
 * Usage: deno task wgsl
 */
import { readdir, readFile, writeFile } from "node:fs/promises";

const source = new URL("../wgsl/", import.meta.url);
/** The module that is made. */
export const generated = new URL("../sdk/backend/webgpu/generated/shaders.ts", import.meta.url);

/** The module's text. */
export async function shadersModule(): Promise<string> {
  const files = (await readdir(source)).filter((name) => name.endsWith(".wgsl")).toSorted();
  const shaders: Record<string, string> = {};
  for (const file of files) shaders[file.replace(".wgsl", "")] = await withImports(new URL(file, source), new Set());
  return `// Made by tools/build_wgsl.ts of wgsl/; changes go there.\nexport const SHADERS = ${
    JSON.stringify(shaders, null, 1)
  } as const;\n`;
}

async function withImports(file: URL, imported: Set<string>): Promise<string> {
  const lines: string[] = [];
  for (const line of (await readFile(file, "utf8")).split("\n")) {
    const name = /^#import\s+(\w+)\s*$/.exec(line)?.[1];
    if (name === undefined) {
      const code = line.replace(/\/\/.*$/, "").trim();
      if (code !== "") lines.push(code);
    } else if (!imported.has(name)) {
      imported.add(name);
      lines.push(await withImports(new URL(`lib/${name}.wgsl`, source), imported));
    }
  }
  return lines.join("\n");
}

if (import.meta.main) await writeFile(generated, await shadersModule());
