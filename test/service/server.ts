/** The service in a Deno of its own, over TCP: what clients meet. */

const root = new URL("../../", import.meta.url);

/** A running server. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Waits for its end; `lines` are what it wrote to standard error. */
  readonly ended: Promise<{ readonly code: number; readonly lines: readonly string[] }>;
  /** Sends a signal. */
  kill(signal: Deno.Signal): void;
}

/** Starts `src/deno.ts` on a free port, and waits until it listens. @param flags Deno's own. */
export async function startServer(
  args: readonly string[] = [],
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<Server> {
  const { child, stderr } = spawn(["--port", "0", "--context", "512", ...args], env, flags);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  const ended = Promise.all([child.status, stderr]).then(([{ code }, text]) => ({
    code,
    lines: text.trimEnd().split("\n"),
  }));
  if (!value) throw new Error(`the server did not start: ${(await ended).lines.join("\n")}`);
  return { url: new TextDecoder().decode(value).trim(), pid: child.pid, ended, kill: (signal) => child.kill(signal) };
}

/** Runs `src/deno.ts` to its end. */
export async function serveOnce(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { child, stderr } = spawn(args, {});
  const [stdout, { code }] = await Promise.all([new Response(child.stdout).text(), child.status]);
  return { code, stdout, stderr: await stderr };
}

function spawn(args: readonly string[], env: Record<string, string>, flags: readonly string[] = []) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, "--allow-read", "--allow-net", "--allow-env", "src/deno.ts", ...args],
    cwd: root,
    ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    env: { NO_COLOR: "1", ...env },
  }).spawn();
  // where a test fails before it stops its server
  let ended = false;
  child.status.then(() => ended = true);
  addEventListener("unload", () => {
    if (!ended) child.kill("SIGKILL");
  });
  return { child, stderr: new Response(child.stderr).text() };
}
