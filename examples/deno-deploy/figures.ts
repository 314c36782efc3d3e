/**
 * Prints how long a caption takes: cold, from the start of a process that has done nothing yet; warm, of a photo that it has
 * not seen; again, of the same photo a second time, for which nothing but the answer is computed. Medians, with the least and
 * the most.
 *
 * Usage: deno task figures FOLDER [PROCESSES] (5 processes, each of which gets all JPEGs of the folder, in order)
 */
import process from "node:process";
import { startServer } from "./start.ts";

interface Figures {
  readonly listensMs: number;
  readonly coldMs: number;
  readonly warmMs: readonly number[];
  readonly againMs: readonly number[];
  /** The most that was resident at once, in MiB; undefined where the system does not tell. */
  readonly peakMib: number | undefined;
}

type Photo = Uint8Array<ArrayBuffer>;

async function measure([first, ...others]: readonly [Photo, ...Photo[]]): Promise<Figures> {
  const started = performance.now();
  const server = await startServer(import.meta.dirname!);
  const listensMs = performance.now() - started;
  const ask = async (photo: Photo) => {
    const asked = performance.now();
    await caption(server.url, photo);
    return performance.now() - asked;
  };
  try {
    await ask(first);
    const coldMs = performance.now() - started;
    const [warmMs, againMs]: number[][] = [[], []];
    for (const photo of others) {
      warmMs!.push(await ask(photo));
      againMs!.push(await ask(photo));
    }
    return { listensMs, coldMs, warmMs: warmMs!, againMs: againMs!, peakMib: await peakMib(server.pid) };
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

/** Linux tells it. */
async function peakMib(pid: number): Promise<number | undefined> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

function spread(values: readonly number[], unit: string): string {
  if (values.length === 0) return "not known here";
  const sorted = values.toSorted((a, b) => a - b).map((value) => value.toFixed(0));
  return `${sorted[sorted.length >> 1]} ${unit} (${sorted[0]} to ${sorted.at(-1)})`;
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
  `listens, model loaded   ${spread(figures.map(({ listensMs }) => listensMs), "ms")} after the start`,
  `cold: first caption     ${spread(figures.map(({ coldMs }) => coldMs), "ms")} after the start`,
  `warm: a new photo       ${spread(figures.flatMap(({ warmMs }) => warmMs), "ms")}`,
  `again: the same photo   ${spread(figures.flatMap(({ againMs }) => againMs), "ms")}`,
  `resident at most        ${spread(figures.flatMap(({ peakMib }) => peakMib ?? []), "MiB")}`,
];
process.stdout.write(lines.map((line) => `${line}\n`).join(""));
