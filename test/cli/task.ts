/** Commands as a shell runs them, with the permissions that deno.json gives. */
const root = new URL("../../", import.meta.url);
const TASKS: Record<string, string> = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))).tasks;

/** Runs a task of deno.json. */
export async function task(
  name: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [, ...rest] = TASKS[name]!.split(" ");
  const command = new Deno.Command(Deno.execPath(), {
    args: [rest[0]!, "--quiet", ...rest.slice(1), ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** A folder with these lines in `data.jsonl`; to be removed by the test. */
export async function dataset(lines: readonly object[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/data.jsonl`, lines.map((line) => JSON.stringify(line) + "\n").join(""));
  return folder;
}
