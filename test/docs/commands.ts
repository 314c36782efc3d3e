/** Commands in the documents: taken apart, and run in a copy of the repository by a shell that has nothing but it. */
import { dirname, join } from "node:path";
import { type Block, ROOT } from "./blocks.ts";

/** One command, and how it ended. */
export interface Outcome {
  readonly file: string;
  readonly command: string;
  /** Exit status; of a server: 0 when it listened. */
  readonly status: number;
  /** What it wrote, both streams. */
  readonly said: string;
}

/** Pictures that data sets in the copy are made of, and what they show. */
const PICTURES = { "dogs_at_window.jpg": "Two dogs look out.", "stream.jpg": "Water runs.", "rocket.jpg": "A rocket." };
/** Commands that go on until they are stopped; they print an address when they are ready. */
const SERVER = /\btask serve\b|--serve\b|until Ctrl-C/;

/** The commands of a block: one a line, but for lines that go on, and for what a command is given to read. */
export function commandsOf({ text }: Pick<Block, "text">): string[] {
  const commands: string[] = [];
  let [open, end]: [string[], string | undefined] = [[], undefined];
  for (const line of text.trimEnd().split("\n")) {
    open.push(line);
    end ??= /<<\s*(\w+)/.exec(line)?.[1];
    const goesOn = end === undefined ? line.endsWith("\\") : line !== end;
    if (goesOn) continue;
    commands.push(open.join("\n"));
    [open, end] = [[], undefined];
  }
  return commands.map((command) => command.trim()).filter((command) => command !== "");
}

/** A copy of what the repository holds, with data of the names that the documents use. */
export async function copyRepository(folder: string): Promise<void> {
  const list = await new Deno.Command("git", {
    args: ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
    cwd: ROOT,
  }).output();
  if (!list.success) throw new Error(new TextDecoder().decode(list.stderr));
  for (const name of new TextDecoder().decode(list.stdout).split("\0").filter(Boolean)) {
    const to = join(folder, name);
    await Deno.mkdir(dirname(to), { recursive: true });
    await Deno.copyFile(join(ROOT, name), to);
  }
  await Deno.mkdir(join(folder, "PICTURES"));
  const lines = Object.entries(PICTURES).map(([file, caption]) => JSON.stringify({ file, captions: [caption] }));
  await Deno.writeTextFile(join(folder, "captions.jsonl"), lines.join("\n"));
  for (const name of Object.keys(PICTURES)) {
    await Deno.copyFile(join(ROOT, "examples/photos", name), join(folder, "PICTURES", name));
  }
  await Deno.copyFile(join(ROOT, "docs/lazy/plan.json"), join(folder, "plan.json"));
}

/** A shell in a folder, in which `deno` and `npx deno` are the Deno that runs this, and `curl` fails where a server refuses. */
export class Shell {
  readonly #folder: string;
  readonly #path: string;
  #server: Deno.ChildProcess | undefined;
  /** Where a block has gone by `cd`. */
  #at: string;

  private constructor(folder: string, path: string) {
    this.#folder = folder;
    this.#path = path;
    this.#at = folder;
  }

  static async open(folder: string): Promise<Shell> {
    const shims = await Deno.makeTempDir();
    const deno = `#!/bin/sh\nexec "${Deno.execPath()}" "$@"\n`;
    const npx =
      `#!/bin/sh\n[ "$1" = -y ] && shift\ncase "$1" in deno@*) shift; exec "${Deno.execPath()}" "$@";; esac\n` +
      `exec "$(PATH="\${PATH#*:}" command -v npx)" -y "$@"\n`;
    const curl =
      `#!/bin/sh\nexec "$(PATH="\${PATH#*:}" command -v curl)" --silent --show-error --fail-with-body "$@"\n`;
    for (const [name, text] of Object.entries({ deno, npx, curl })) {
      await Deno.writeTextFile(join(shims, name), text, { mode: 0o755 });
    }
    return new Shell(folder, `${shims}:${Deno.env.get("PATH")}`);
  }

  /** Runs a block's commands in turn, from the folder; the service runs meanwhile, by the block's own command or by the default one. */
  async run(block: Block): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    this.#at = this.#folder;
    for (const command of commandsOf(block)) {
      const to = /^cd (\S+)$/.exec(command)?.[1];
      if (to !== undefined) {
        this.#at = join(this.#at, to);
        continue;
      }
      if (!SERVER.test(command)) {
        if (command.startsWith("curl") && !this.#server) await this.#serve("deno task serve --port 8000");
        outcomes.push({ file: block.file, command, ...await this.#once(command) });
        continue;
      }
      await this.#stop();
      outcomes.push({ file: block.file, command, ...await this.#serve(command) });
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.#stop();
    await Deno.remove(this.#path.split(":")[0]!, { recursive: true });
  }

  #spawn(command: string, own: readonly string[]) {
    return new Deno.Command(own[0]!, {
      args: [...own.slice(1), "bash", "-o", "pipefail", "-c", command],
      ...{ cwd: this.#at, stdin: "null", stdout: "piped", stderr: "piped" },
      env: { PATH: this.#path, NO_COLOR: "1" },
    });
  }

  async #once(command: string): Promise<{ status: number; said: string }> {
    const { code, stdout, stderr } = await this.#spawn(command, ["env"]).output();
    return { status: code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  }

  /** Starts a server, in a group of its own, and waits for the address that it prints. */
  async #serve(command: string): Promise<{ status: number; said: string }> {
    const child = this.#spawn(command, ["setsid"]).spawn();
    this.#server = child;
    let said = "";
    const { promise: listens, resolve: listened } = Promise.withResolvers<void>();
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
        said += piece;
        if (/http:\/\//.test(said)) listened();
      }
    };
    const ended = Promise.all([read(child.stdout), read(child.stderr), child.status]);
    const status = await Promise.race([listens, ended.then(([, , { code }]) => code || 1)]);
    if (status !== undefined) this.#server = undefined;
    return { status: status ?? 0, said };
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    await new Deno.Command("kill", { args: ["--", `-${server.pid}`] }).output();
    await server.status;
  }
}
