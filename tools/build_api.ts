/**
 * Makes the API reference, a page for every entry point of deno.json's `exports` and for every name in it, from the
 * documentation comments, by `deno doc`. Entry points have the names that the npm package gives them.
 *
 * `deno doc` puts no list of entry points on its front page, but shows a package's main module there. So the main module is
 * one that is made here: its documentation is the list, with the first sentences of the entry points' own.
 *
 * Usage: deno task docs:api [OUT]
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Makes the reference in a folder. @throws {Error} for an entry point whose module says nothing of itself. */
export async function buildApi(out: string): Promise<void> {
  const { name, version, exports, ...config } = JSON.parse(await readFile(join(root, "deno.json"), "utf8"));
  const entries = Object.entries<string>(exports).map(([path, file]) => ({
    name: path.replace(".", "loris"),
    file: join(root, file),
  }));
  await mkdir(join(root, "dist"), { recursive: true });
  const folder = await mkdtemp(join(root, "dist/api-"));
  try {
    const front = join(folder, "front.ts");
    await writeFile(front, frontModule(entries, await documentation(entries.map(({ file }) => file))));
    const paths = [[".", front], ...entries.map(({ name, file }) => [`./${name}`, file])] as [string, string][];
    const named = Object.fromEntries(paths.map(([path, file]) => [path, `./${relative(folder, file)}`]));
    const { imports, compilerOptions } = config;
    const settings = { name, version, exports: named, imports, compilerOptions, nodeModulesDir: "none" };
    await writeFile(join(folder, "deno.json"), JSON.stringify(settings));
    const options = ["--html", "--name=Loris", `--output=${resolve(out)}`, "--no-lock"];
    await denoDoc([...options, ...paths.map(([, file]) => file)], folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Entry {
  readonly name: string;
  readonly file: string;
}

/** What modules say of themselves, by their URL. */
async function documentation(files: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
  const { nodes } = JSON.parse(await denoDoc(["--json", ...files])) as {
    nodes: Record<string, { module_doc?: { doc?: string } }>;
  };
  return new Map(Object.entries(nodes).map(([url, { module_doc }]) => [url, module_doc?.doc]));
}

function frontModule(entries: readonly Entry[], docs: ReadonlyMap<string, string | undefined>): string {
  const rows = entries.map(({ name, file }) => {
    const sentence = /^[\s\S]+?\.(?=\s|$)/.exec(docs.get(pathToFileURL(file).href) ?? "")?.[0];
    if (!sentence) throw new Error(`${file} has no documentation with @module at its top`);
    return `| [\`${name}\`](${name}/index.html) | ${sentence.replace(/\s+/g, " ").replaceAll("|", "\\|")} |`;
  });
  const text = ["# Entry points", "", "| import from | what it is for |", "| --- | --- |", ...rows, "", "@module"];
  return `/**\n${text.map((line) => ` * ${line}`.trimEnd()).join("\n")}\n */\nexport {};\n`;
}

/** @param folder Its deno.json says how entry points are named. */
async function denoDoc(args: readonly string[], folder = root): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", ...args],
    ...{ cwd: folder, stdin: "null", env: { NO_COLOR: "1" } },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const out = process.argv[2] ?? join(root, "dist/api");
  await buildApi(out);
  process.stdout.write(`${join(out, "index.html")}\n`);
}
