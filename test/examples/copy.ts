/** An example as somebody has copied it: a folder of its own, with nothing in it that git does not keep. */
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const PHOTOS = `${ROOT}examples/photos`;

/** A copied example; disposing of it removes it. */
export interface Copy extends AsyncDisposable {
  readonly folder: string;
  /** Where the repository's root would be, seen from the example; it has `models` alone. */
  readonly root: string;
}

export async function copyExample(name: string): Promise<Copy> {
  const root = await Deno.makeTempDir({ prefix: "loris-example-" });
  const folder = `${root}/examples/${name}`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.symlink(`${ROOT}models`, `${root}/models`);
  const made = ["deno.lock", "package-lock.json"];
  for await (const { name: file, isFile } of Deno.readDir(`${ROOT}examples/${name}`)) {
    if (isFile && !made.includes(file)) await Deno.copyFile(`${ROOT}examples/${name}/${file}`, `${folder}/${file}`);
  }
  return { folder, root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

/** Changes the one line that a README tells to change in a copy: where the repository is. */
export async function linkRepository({ folder }: Copy): Promise<void> {
  const file = `${folder}/deno.json`;
  const text = await Deno.readTextFile(file);
  const changed = text.replace('"links": ["../.."]', `"links": ${JSON.stringify([ROOT])}`);
  if (changed === text) throw new Error(`${file} has no line of links`);
  await Deno.writeTextFile(file, changed);
}

/** Runs Deno in a folder, as a user's shell does. */
export async function deno(
  cwd: string,
  ...args: string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const options = { args, cwd, stdin: "null", env: { NO_COLOR: "1" } } as const;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
