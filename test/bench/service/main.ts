/**
 * The service over real HTTP, with one request and several at once: first text, time per token, throughput, memory, cold start.
 * Usage: deno task bench:service [--json] [--out DIR] [--rounds N] [--only text,captions,follow-ups]
 * With --json the last line printed is one object.
 */
import { parseArgs } from "node:util";
import { machineName, saveReport } from "../report.ts";
import { coldStarts } from "./cold.ts";
import { openCaptioner } from "./direct.ts";
import { startService } from "./http.ts";
import { chart, markdown, type ServiceReport } from "./report.ts";
import { AT_ONCE, measureWorkload, type WorkloadTable } from "./rounds.ts";
import { profileSteps } from "./steps.ts";
import { type Workload, workloads } from "./workloads.ts";

const [CONVERSATIONS, CONTEXT_TOKENS, COLD_STARTS] = [8, 512, 5];
const PHOTOS = new URL("../../../examples/photos/", import.meta.url);

const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
/** Progress; standard output is the result's. */
const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ json: { type: "boolean" }, out: { type: "string" }, rounds: { type: "string", default: "5" } },
      ...{ only: { type: "string" } },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds is ${values.rounds}, wanted is 1 or more`);
  }
  const all = workloads(await photos());
  const report = await measure(all, chosen(all, values.only), rounds);
  const page = markdown(report);
  await saveReport(values.out, "service", page, report, chart(report));
  await print(page);
  if (values.json) await print(JSON.stringify(report));
}

async function measure(all: readonly Workload[], asked: readonly Workload[], rounds: number): Promise<ServiceReport> {
  say("cold starts");
  const caption = all.find(({ name }) => name === "captions")!.requests(0)[0]!;
  const cold = await coldStarts(CONVERSATIONS, CONTEXT_TOKENS, caption, COLD_STARTS);
  say("decode steps");
  const steps = await profileSteps(AT_ONCE);
  const service = await startService(CONVERSATIONS, CONTEXT_TOKENS);
  const captioner = await openCaptioner(CONVERSATIONS, CONTEXT_TOKENS);
  try {
    const tables: WorkloadTable[] = [];
    const peakBytes: (number | undefined)[] = [];
    for (const workload of asked) {
      say(workload.name);
      tables.push(await measureWorkload(workload, [service, captioner], rounds));
      peakBytes.push((await service.memory())?.peakBytes);
    }
    return {
      ...{ date: new Date().toISOString().slice(0, 10), machine: machineName() },
      versions: { deno: Deno.version.deno, v8: Deno.version.v8 },
      ...{ conversations: CONVERSATIONS, contextTokens: CONTEXT_TOKENS, rounds },
      ...{ workloads: tables, steps, cold, peakBytes },
    };
  } finally {
    await captioner.close();
    await service.close();
  }
}

/** The examples' photos, in the order of their names. */
async function photos(): Promise<Uint8Array<ArrayBuffer>[]> {
  const names = Array.from(Deno.readDirSync(PHOTOS), ({ name }) => name).filter((name) => name.endsWith(".jpg"));
  return await Promise.all(names.sort().map((name) => Deno.readFile(new URL(name, PHOTOS))));
}

/** @throws {RangeError} for a name that there is not. */
function chosen(all: readonly Workload[], only: string | undefined): Workload[] {
  const names = only?.split(",") ?? all.map(({ name }) => name);
  return names.map((wanted) => {
    const found = all.find(({ name }) => name === wanted);
    if (found) return found;
    throw new RangeError(`--only has "${wanted}", it may have ${all.map(({ name }) => name).join(", ")}`);
  });
}

if (import.meta.main) await main();
