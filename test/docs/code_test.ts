/** Programs in the documents: each is checked by the compiler and run in the repository, as a reader would. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../folder.ts";
import { type Block, blocksIn, documents, ROOT } from "./blocks.ts";
import { packageConfig } from "./package_config.ts";

const PROGRAMS = await blocksIn(await documents(), ["ts", "js"]);
/** What a server's program prints when it can be asked. */
const LISTENING = /Listening on (http:\S+)/;

async function run(block: Block, folder: string): Promise<void> {
  const file = join(folder, `program.${block.language}`);
  await Deno.writeTextFile(file, block.text.replace("port: 8000", "port: 0"));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--check", "--no-lock", "--allow-all", "--config", await packageConfig(folder), file],
    ...{ cwd: ROOT, stdin: "null", stdout: "piped", stderr: "piped", env: { NO_COLOR: "1" } },
  }).spawn();
  let [said, asked] = ["", false];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      said += piece;
      const url = LISTENING.exec(said)?.[1];
      if (url === undefined || asked) continue;
      asked = true;
      // a server ends when it has answered
      assert.equal((await fetch(new URL("/health", url.replace("0.0.0.0", "127.0.0.1")))).status, 200);
      child.kill("SIGTERM");
    }
  };
  const [{ code, signal }] = await Promise.all([child.status, read(child.stdout), read(child.stderr)]);
  assert.ok(code === 0 || (asked && signal === "SIGTERM"), `exit status ${code}\n${said}`);
}

Deno.test("programs in the documents pass the compiler and run", async (t) => {
  assert.ok(PROGRAMS.length > 0);
  for (const block of PROGRAMS) {
    await t.step({
      name: `${block.file}:${block.line}`,
      ignore: block.needs !== undefined,
      fn: () => inFolder((folder) => run(block, folder)),
    });
  }
});
