import assert from "node:assert/strict";
import { inFolder } from "../folder.ts";
import type { Block } from "./blocks.ts";
import { commandsOf, Shell } from "./commands.ts";

const block = (text: string): Block => ({ file: "a.md", line: 1, language: "sh", needs: undefined, text });

Deno.test("commandsOf() keeps lines that go on and documents that a command reads together", () => {
  const text = "a  # why\nb \\\n  c\n\ncurl -d @- x <<JSON\n{ 1 }\nJSON\nd\n";
  assert.deepEqual(commandsOf(block(text)), ["a  # why", "b \\\n  c", "curl -d @- x <<JSON\n{ 1 }\nJSON", "d"]);
});

Deno.test("a Shell tells each command's exit status, and finds this Deno under both of its names", () =>
  inFolder(async (folder) => {
    const shell = await Shell.open(folder);
    try {
      const outcomes = await shell.run(block("deno --version\nnpx -y deno@1.0.0 --version\nfalse | true\n"));
      assert.deepEqual(outcomes.map(({ status }) => status), [0, 0, 1]);
      for (const { said } of outcomes.slice(0, 2)) assert.ok(said.startsWith(`deno ${Deno.version.deno} `), said);
    } finally {
      await shell.close();
    }
  }));
