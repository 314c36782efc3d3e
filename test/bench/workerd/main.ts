/**
 * A photo's caption with the embedded model, stage by stage, in Cloudflare's workerd and beside it in Deno.
 * Installs miniflare into .bench/workerd first.
 * Usage: deno task bench:workerd [--json] [--out DIR] [--rounds N]. With --json the last line printed is one object.
 */
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { NANO } from "../model.ts";
import { FOLDER, installMiniflare, MINIFLARE } from "../../workerd/miniflare.ts";
import { machineName, saveReport } from "../report.ts";
import { bundle } from "./bundle.ts";
import { serveFiles } from "./file_server.ts";
import { markdown, workerdRatios, type WorkerdReport } from "./report.ts";
import { type Runtime, startDeno, startWorkerd } from "./runtimes.ts";
import { compareRuntimes, type Stages } from "./stages.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, out: { type: "string" }, rounds: { type: "string", default: "7" } },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds is ${values.rounds}, it must be 1 or more`);
  await installMiniflare();
  const [workerd, deno] = await measure(rounds) as [Stages, Stages];
  const report: WorkerdReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    versions: { deno: Deno.version.deno, v8: Deno.version.v8, miniflare: MINIFLARE, workerd: workerdVersion() },
    ratios: workerdRatios(workerd, deno),
    results: [workerd, deno],
  };
  const page = markdown(report);
  await saveReport(values.out, "workerd", page, report);
  const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
  await print(page);
  if (values.json) await print(JSON.stringify(report));
}

async function measure(rounds: number): Promise<Stages[]> {
  const files = await bundle(FOLDER);
  const photo = await Deno.readFile(new URL("../../../examples/photos/mountain_path.jpg", import.meta.url));
  const server = serveFiles([NANO.text, NANO.vision]);
  const model = { text: server.url(NANO.text), vision: server.url(NANO.vision) };
  const runtimes: Runtime[] = [];
  try {
    runtimes.push(await startWorkerd(files));
    runtimes.push(await startDeno(files));
    return await compareRuntimes(runtimes, model, photo, rounds);
  } finally {
    for (const runtime of runtimes) await runtime.close();
    await server.close();
  }
}

/** miniflare names workerd's version, npm may give a later one. */
function workerdVersion(): string {
  const fromMiniflare = createRequire(createRequire(`${FOLDER}package.json`).resolve("miniflare"));
  return (fromMiniflare("workerd/package.json") as { version: string }).version;
}

await main();
