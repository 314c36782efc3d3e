/**
 * A storm of requests on the service, with a small seeded model: see storm.ts. Ends with status 1 if anything was not as it
 * must be.
 * Usage: deno task storm [--requests N] [--runtime deno|workerd] [--seed S] [--write] [--out DIR]
 * Without --runtime both are stormed. --write puts the page into docs/bench. workerd comes with miniflare, which is installed
 * into .bench/workerd.
 */
import { parseArgs } from "node:util";
import { machineName, saveReport } from "../bench/report.ts";
import { MINIFLARE } from "../workerd/miniflare.ts";
import { markdown, type StormRun } from "./report.ts";
import { storm } from "./storm.ts";
import { type RuntimeName, startTarget, stormModel } from "./targets.ts";

const RUNTIMES: readonly RuntimeName[] = ["deno", "workerd"];
const write = (stream: typeof Deno.stdout, text: string) => stream.writeSync(new TextEncoder().encode(`${text}\n`));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...{ requests: { type: "string", default: "10000" }, seed: { type: "string", default: "1" } },
      ...{ runtime: { type: "string" }, write: { type: "boolean" }, out: { type: "string" } },
    },
  });
  const requests = whole("--requests", values.requests, 10);
  const seed = whole("--seed", values.seed, 0);
  const runtimes = RUNTIMES.filter((name) => values.runtime === undefined || values.runtime === name);
  if (runtimes.length === 0) {
    throw new RangeError(`--runtime is "${values.runtime}", it must be ${RUNTIMES.join(" or ")}`);
  }
  const folder = await Deno.makeTempDir();
  const runs: StormRun[] = [];
  try {
    const pair = await stormModel(folder);
    for (const runtime of runtimes) {
      const target = await startTarget(runtime, pair);
      const started = performance.now();
      try {
        const looks = [0.1, 0.5, 1].map((share) => Math.ceil(requests * share));
        const progress = (line: string) => write(Deno.stderr, `${runtime}: ${line}`);
        const result = await storm(target, pair, { requests, seed, looks, progress });
        runs.push({ runtime, requests, seed, seconds: (performance.now() - started) / 1000, ...result });
      } finally {
        await target.close();
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const page = markdown({
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    versions: { deno: Deno.version.deno, miniflare: MINIFLARE },
    runs,
  });
  if (values.write || values.out !== undefined) await saveReport(values.out, "storm", page, runs);
  write(Deno.stdout, page);
  for (const { runtime, failures } of runs) {
    for (const failure of failures) write(Deno.stderr, `${runtime}: ${failure}`);
  }
  return runs.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

function whole(option: string, text: string, min: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new RangeError(`${option} is ${text}, it must be a whole number from ${min}`);
}

Deno.exitCode = await main();
