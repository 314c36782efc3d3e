/**
 * Prints how long a caption takes, and what CPU time it costs: cold, from the start of a process that has done nothing yet;
 * warm, of a photo that it has not seen; again, of the same photo a second time, for which nothing but the answer is computed.
 * Medians, with the least and the most.
 *
 * Usage: deno task figures FOLDER [PROCESSES] (5 processes, each of which gets all JPEGs of the folder, in order)
 */
import process from "node:process";
import { startServer } from "./start.ts";

type Photo = Uint8Array<ArrayBuffer>;

/** Milliseconds since a moment, by the clock and of the process's CPU time, all its threads together. */
interface Taken {
  readonly ms: number;
  /** NaN where the system does not tell. */
  readonly cpuMs: number;
}

interface Figures {
  readonly listens: Taken;
  readonly cold: Taken;
  readonly warm: readonly Taken[];
  readonly again: readonly Taken[];
  /** NaN where the system does not tell. */
  readonly peakMib: number;
}

/** Linux counts a process's time in hundredths of a second, whatever the machine (`USER_HZ`). */
const TICK_MS = 10;

async function measure([first, ...others]: readonly [Photo, ...Photo[]]): Promise<Figures> {
  const started = performance.now();
  const server = await startServer(import.meta.dirname!);
  const sinceStart = async () => ({ ms: performance.now() - started, cpuMs: (await usage(server.pid)).cpuMs });
  const ask = async (photo: Photo): Promise<Taken> => {
    const before = await sinceStart();
    await caption(server.url, photo);
    const after = await sinceStart();
    return { ms: after.ms - before.ms, cpuMs: after.cpuMs - before.cpuMs };
  };
  try {
    const listens = await sinceStart();
    await ask(first);
    const cold = await sinceStart();
    const [warm, again]: [Taken[], Taken[]] = [[], []];
    for (const photo of others) {
      warm.push(await ask(photo));
      again.push(await ask(photo));
    }
    return { listens, cold, warm, again, peakMib: (await usage(server.pid)).peakMib };
  } finally {
    await server.stop();
  }
}

async function caption(url: string, photo: Photo): Promise<void> {
  const headers = { "content-type": "image/jpeg" };
  const response = await fetch(`${url}/caption`, { method: "POST", body: photo, headers });
  if (!response.ok) throw new Error(await response.text());
  await response.body?.cancel();
}

/** What Linux tells of a process: its CPU time, and the most memory that was resident at once. */
async function usage(pid: number): Promise<{ cpuMs: number; peakMib: number }> {
  const read = (file: string) => Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => "");
  // fields 14 and 15; the second is a name in brackets, which may hold anything
  const [, user, system] = /\)(?: \S+){11} (\d+) (\d+) /.exec(await read("stat")) ?? [];
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(await read("status")) ?? [];
  return { cpuMs: (Number(user) + Number(system)) * TICK_MS, peakMib: Number(kib) / 1024 };
}

function spread(values: readonly number[], unit: string): string {
  const known = values.filter(Number.isFinite).sort((a, b) => a - b).map((value) => value.toFixed(0));
  return known.length === 0 ? "not known" : `${known[known.length >> 1]} ${unit} (${known[0]} to ${known.at(-1)})`;
}

function row(name: string, taken: readonly Taken[]): string {
  const [time, cpu] = [taken.map(({ ms }) => ms), taken.map(({ cpuMs }) => cpuMs)];
  return `${name.padEnd(24)} ${spread(time, "ms").padEnd(25)} ${spread(cpu, "ms")}`;
}

const [folder, processes = "5"] = Deno.args;
const names = folder === undefined ? [] : Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
const photos = names.filter((name) => /\.jpe?g$/i.test(name)).map((name) => Deno.readFileSync(`${folder}/${name}`));
const [first, ...others] = photos;
if (!first || others.length === 0) {
  process.stderr.write("usage: deno task figures FOLDER [PROCESSES], with two JPEGs or more in the folder\n");
  Deno.exit(2);
}
const figures: Figures[] = [];
for (let i = 0; i < Number(processes); i++) figures.push(await measure([first, ...others]));
const machine = `${Deno.build.arch}, ${navigator.hardwareConcurrency} cores`;
const lines = [
  `Deno ${Deno.version.deno}, ${machine}; ${photos.length} photos, ${processes} processes`,
  `${" ".repeat(24)} ${"time".padEnd(25)} CPU time`,
  row("start until it listens", figures.map(({ listens }) => listens)),
  row("cold: start to a caption", figures.map(({ cold }) => cold)),
  row("warm: a new photo", figures.flatMap(({ warm }) => warm)),
  row("again: the same photo", figures.flatMap(({ again }) => again)),
  `resident memory at most  ${spread(figures.map(({ peakMib }) => peakMib), "MiB")}`,
];
process.stdout.write(lines.map((line) => `${line}\n`).join(""));
