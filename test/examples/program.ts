/** A program that runs until it is told to stop, and what it writes meanwhile. */
export class Program {
  readonly #command: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdout: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  #written = "";

  constructor(cwd: string, [name, ...args]: readonly [string, ...string[]], env: Record<string, string> = {}) {
    this.#command = [name, ...args].join(" ");
    const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    this.#child = new Deno.Command(name, { args, cwd, env: { NO_COLOR: "1", ...env }, ...pipes }).spawn();
    this.#stdout = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#stderr = new Response(this.#child.stderr).text();
  }

  /** Waits until it has written what matches; `Error` with all that it wrote if it ends before. */
  async wrote(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#written);
      if (match) return match;
      const { value, done } = await this.#stdout.read();
      if (done) throw new Error(`${this.#command} ended: ${this.#written}${await this.#stderr}`);
      this.#written += value;
    }
  }

  /** Its exit status, after a SIGTERM. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    await this.#stdout.cancel();
    await this.#stderr;
    return (await this.#child.status).code;
  }
}
