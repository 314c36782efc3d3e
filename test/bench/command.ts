/** Runs a command in a folder; throws with the end of its words if it fails. */
export async function run(
  folder: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<void> {
  const options = { args, env, cwd: folder, stdout: "null", stderr: "piped" } as const;
  const output = await new Deno.Command(command, options).output();
  if (output.success) return;
  const words = new TextDecoder().decode(output.stderr).trim().split("\n").slice(-3).join("; ");
  throw new Error(`${command} ${args.join(" ")} failed: ${words}`);
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
