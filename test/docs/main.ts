/**
 * Runs every command of the documents in a copy of the repository, and prints how each ended.
 * Usage: deno task docs:commands [--only FILE.md] [--write] [--out DIR]
 * Ends with 1 if one failed. Blocks that need what a machine has not by itself are listed with what they need.
 */
import { parseArgs } from "node:util";
import { machineName, saveReport } from "../bench/report.ts";
import { blocksIn, documents } from "./blocks.ts";
import { commandsOf, copyRepository, type Outcome, Shell } from "./commands.ts";

const say = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { only: { type: "string" }, write: { type: "boolean", default: false }, out: { type: "string" } },
  });
  const files = (await documents()).filter((file) => values.only === undefined || file === values.only);
  const blocks = await blocksIn(files, ["sh"]);
  const outcomes: Outcome[] = [];
  const folder = await Deno.makeTempDir();
  await copyRepository(folder);
  const shell = await Shell.open(folder);
  try {
    for (const block of blocks.filter(({ needs }) => needs === undefined)) {
      for (const outcome of await shell.run(block)) {
        outcomes.push(outcome);
        say(`${outcome.status} ${outcome.file}: ${oneLine(outcome.command)}\n`);
        if (outcome.status !== 0) say(outcome.said);
      }
    }
  } finally {
    await shell.close();
    await Deno.remove(folder, { recursive: true });
  }
  const left = blocks.flatMap((block) =>
    block.needs === undefined ? [] : commandsOf(block).map((command) => [block.file, command, block.needs] as const)
  );
  const page = [
    "# Commands of the documents\n",
    `Printed by \`deno task docs:commands\` on ${
      new Date().toISOString().slice(0, 10)
    }, each run in a copy of the repository. ${machineName()}. Deno ${Deno.version.deno}.\n`,
    ...["| document | command | exit status |", "| --- | --- | --- |"],
    ...outcomes.map(({ file, command, status }) => `| ${file} | ${cell(command)} | ${status} |`),
    ...left.map(([file, command, needs]) => `| ${file} | ${cell(command)} | not run: needs ${needs} |`),
  ].join("\n") + "\n";
  if (values.write) {
    await saveReport(values.out, "commands", page, {
      commands: outcomes.map(({ file, command, status }) => ({ file, command, status })),
      notRun: left.map(([file, command, needs]) => ({ file, command, needs })),
    });
  }
  await Deno.stdout.write(new TextEncoder().encode(page));
  if (outcomes.some(({ status }) => status !== 0)) Deno.exit(1);
}

const oneLine = (command: string) => command.split("\n")[0]!.replace(/\s+# .*$/, "");
const cell = (command: string) => `\`${oneLine(command).replaceAll("|", "\\|")}\``;

await main();
