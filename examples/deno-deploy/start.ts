/** The server of `main.ts` in a process of its own, as a new isolate would start it. */

export interface Started {
  /** Without a slash at its end. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * Starts it on a free port, and waits until it listens.
 *
 * @param folder That of `main.ts`.
 * @throws {Error} with what it wrote, if it ends before.
 */
export async function startServer(folder: string, env: Record<string, string> = {}): Promise<Started> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-net", "--allow-env", "main.ts"],
    cwd: folder,
    env: { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0", NO_COLOR: "1", ...env },
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
  let written = "";
  // to its end: a pipe that nobody reads would stop the server
  const listens = new Promise<string>((resolve, reject) => {
    const reading = child.stderr.pipeThrough(new TextDecoderStream()).pipeTo(
      new WritableStream({
        write(text) {
          written += text;
          const url = /^Listening on (http:\/\/\S+)\/\s/m.exec(written)?.[1];
          if (url !== undefined) resolve(url);
        },
      }),
    );
    reading.finally(() => reject(new Error(`the server did not start: ${written}`))).catch(() => {});
  });
  const stop = async () => {
    child.kill();
    await child.status;
  };
  try {
    return { url: await listens, pid: child.pid, stop };
  } catch (error) {
    await child.status;
    throw error;
  }
}
