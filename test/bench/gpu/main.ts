/**
 * The GPU beside the CPU, in turns: operations with what the device can do at most, and whole networks, each in every way
 * that the GPU has to compute: f32, and 16-bit floats, 8-bit records and subgroups where it has them. Prints tables, and with
 * `--write NAME` puts them into docs/bench/gpu_NAME.md.
 *
 * Usage: deno task bench:gpu [--smolvlm] [--write NAME]
 */
import { openDevice } from "../../../sdk/backend/webgpu/device.ts";
import { generateModel, SHAPES } from "../generate_model.ts";
import { interleave, type Job, type Timing } from "../measure.ts";
import { NANO, type PairPaths } from "../model.ts";
import { BENCH_FOLDER, machineName } from "../report.ts";
import { answerJobs } from "./answers.ts";
import { ceilings } from "./ceilings.ts";
import { networkJobs } from "./network.ts";
import { CPU, gpuColumns, timedOn } from "./on.ts";
import { type OperationJob, operationJobs } from "./operations.ts";

/** Calls in a row at most, and about how long they are to take. */
const MAX_TIMES = 1000;
const WANTED_MS = 60;
const lines: string[] = [];
// deno-lint-ignore no-console -- what it prints is what it is for
const print = (line = "") => void (lines.push(line), console.log(line));
const round = (value: number) => value >= 100 ? value.toFixed(0) : value.toPrecision(3);

const opened = await openDevice(navigator.gpu, true);
const { device, description } = opened;
device.addEventListener("uncapturederror", ({ error }) => {
  throw error;
});
const most = await ceilings(device);
const ways = gpuColumns(opened);

print(`# WebGPU on ${description}`);
print();
print(`Printed by \`deno task bench:gpu\` on ${new Date().toISOString().slice(0, 10)}. ${machineName()}. `);
print();
print(`Ceilings, measured: memory ${round(most.bytes / 1e9)} GB/s, f32 ${round(most.flops / 1e9)} GFLOP/s. An empty `);
print(
  `submission until its result is read: ${round(most.waitMs)} ms; a dispatch among others ${
    round(most.dispatchMs * 1000)
  } µs.`,
);
print();
await operations();
await network("nano", NANO, [64, 256]);
if (Deno.args.includes("--smolvlm")) {
  const folder = await Deno.makeTempDir();
  await network("SmolVLM-256M's shape, Q8_0, seeded", await generateModel(folder, SHAPES.smolvlm_256m, "Q8_0"), [
    64,
    1024,
  ]);
  await Deno.remove(folder, { recursive: true });
}
const name = Deno.args[Deno.args.indexOf("--write") + 1];
if (Deno.args.includes("--write")) await Deno.writeTextFile(`${BENCH_FOLDER}/gpu_${name}.md`, lines.join("\n") + "\n");
Deno.exit(0);

async function operations() {
  const backends = await Promise.all(ways.map(({ open }) => open()));
  const all = backends.map(operationJobs);
  const others = ways.slice(1).map(({ name }) => ` ${name}, µs |`).join("");
  print(`| operation | f32, µs | GFLOP/s | of the ceiling | GB/s | of the ceiling |${others}`);
  print(`| --- | --- | --- | --- | --- | --- |${" --- |".repeat(ways.length - 1)}`);
  for (const [place, job] of all[0]!.entries()) {
    const times = [];
    for (const jobs of all) times.push(await msOf(jobs[place]!));
    print(rowOf(job, times[0]!) + times.slice(1).map((ms) => ` ${round(ms * 1000)} |`).join(""));
  }
  print();
  for (const backend of backends) backend.destroy();
}

/** Milliseconds of a call among others. */
async function msOf(job: OperationJob): Promise<number> {
  await timeOf(job, 1);
  const once = Math.max(await timeOf(job, 10) - most.waitMs, 0.01) / 10;
  const times = Math.min(MAX_TIMES, Math.ceil(WANTED_MS / once));
  const ms = Math.min(await timeOf(job, times), await timeOf(job, times)) - most.waitMs;
  return Math.max(ms, 1e-3) / times;
}

async function timeOf(job: OperationJob, times: number): Promise<number> {
  const started = performance.now();
  await job.run(times);
  return performance.now() - started;
}

function rowOf({ name, flops, bytes }: OperationJob, ms: number): string {
  const [f, b] = [flops / ms * 1000, bytes / ms * 1000];
  const share = (value: number, whole: number) => `${(100 * value / whole).toFixed(0)} %`;
  return `| ${name} | ${round(ms * 1000)} | ${round(f / 1e9)} | ${share(f, most.flops)} | ${round(b / 1e9)} | ${
    share(b, most.bytes)
  } |`;
}

async function network(title: string, paths: PairPaths, prompts: readonly number[]) {
  const models = [];
  for (const column of [CPU, ...ways]) {
    const backend = await column.open();
    models.push({ ...column, ...await timedOn(backend, paths, Math.max(...prompts) + 128), backend });
  }
  const jobs = models.map(({ model }) => networkJobs(model, prompts));
  print(`## ${title}`);
  print();
  const names = models.map(({ name }) => name).join(" | ");
  print(`| | ${names} | f32 : wasm |`);
  print(`| --- |${" --- |".repeat(models.length + 1)}`);
  print(`| load, ms | ${models.map(({ loadMs }) => round(loadMs)).join(" | ")} | |`);
  await rows(jobs);
  for (const { backend } of models) backend.destroy();
  const answers = [await answerJobs(paths, "wasm"), await answerJobs(paths, "webgpu")];
  await rows(answers.map(({ jobs }) => jobs));
  for (const { close } of answers) await close();
  print();
}

/** The same jobs of both, in turns. */
async function rows(jobs: readonly (readonly Job[])[]) {
  for (const place of jobs[0]!.keys()) {
    const timings = await interleave(jobs.map((all) => all[place]!), 3, 1);
    const [cpu, gpu] = timings as [Timing, Timing, ...Timing[]];
    const unit = cpu.work === 1 ? "ms" : "tokens/s";
    const value = ({ ms, perSecond }: Timing) => round(unit === "ms" ? ms : perSecond);
    print(`| ${cpu.name}, ${unit} | ${timings.map(value).join(" | ")} | ${round(cpu.ms / gpu.ms)} x |`);
  }
}
