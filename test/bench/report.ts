/** What every benchmark prints and writes. */
import { cpus } from "node:os";
import { barChart } from "./chart.ts";
import type { CaptionTimes } from "./caption.ts";
import type { Growth } from "./growth.ts";
import type { Timing } from "./measure.ts";
import type { Profile } from "./profile.ts";

/** Everything that one run measured. */
export interface BenchReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly results: {
    readonly timings: readonly Timing[];
    readonly caption: CaptionTimes;
    readonly profiles: readonly Profile[];
    readonly growth: readonly Growth[];
  };
}

/** The processor's name and what of it there is. */
export function machineName(): string {
  const { model = Deno.build.arch } = cpus()[0] ?? {};
  return `${model}, ${navigator.hardwareConcurrency} virtual cores, ${Deno.build.os}`;
}

/** Where reports are kept. */
export const BENCH_FOLDER = new URL("../../docs/bench", import.meta.url).pathname;

/** Writes NAME.md, NAME.json and, if there is a picture, NAME.svg into a folder, `docs/bench` if none is named. */
export async function saveReport(
  folder: string | undefined,
  name: string,
  page: string,
  data: unknown,
  picture?: string,
): Promise<void> {
  const out = folder ?? BENCH_FOLDER;
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(`${out}/${name}.md`, page);
  await Deno.writeTextFile(`${out}/${name}.json`, JSON.stringify(data, null, 1) + "\n");
  if (picture !== undefined) await Deno.writeTextFile(`${out}/${name}.svg`, picture);
}

const unitOf = (name: string) => /read|decode/.test(name) ? "GB/s" : "GOP/s";
const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

/** The run as Markdown. */
export function markdown({ date, machine, versions, ratios, results }: BenchReport): string {
  return [
    "# Benchmark",
    "",
    `Printed by \`deno task bench\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([k, v]) => `${k} ${v}`).join(", ")}. One thread; medians of interleaved runs.`,
    ...["", "## Kernels", ""],
    "The first rows are ceilings of this engine on this machine: loops that touch no memory, or nothing else.",
    ...["", "| what | ms | a second |", "| --- | --- | --- |"],
    ...results.timings.map((t) =>
      `| ${t.name} | ${t.ms.toFixed(3)} | ${(t.perSecond / 1e9).toFixed(1)} ${unitOf(t.name)} |`
    ),
    ...captionPage(results.caption),
    ...results.profiles.flatMap(profilePage),
    ...["", "## Growth", ""],
    "| milliseconds of | | | | |",
    "| --- | --- | --- | --- | --- |",
    ...results.growth.map(({ what, points }) =>
      `| ${what} |${
        [0, 1, 2, 3].map((i) => points[i] ? ` ${points[i].at}: ${points[i].ms.toPrecision(3)} |` : " |").join("")
      }`
    ),
    ...["", "## Ratios", "", "| ratio | value |", "| --- | --- |"],
    ...Object.entries(ratios).map(([name, value]) => `| ${name} | ${value.toFixed(3)} |`),
    ...["", "![achieved against ceiling](bench.svg)", ""],
  ].join("\n");
}

function captionPage(c: CaptionTimes): string[] {
  const tokensMs = c.perTokenMs * c.steps;
  const stages: [string, number][] = [
    ["decode the picture", c.decodeMs],
    ["resize it", c.resizeMs],
    ["vision", c.visionMs],
    ["prefill, template, tokenizer", c.totalMs - c.decodeMs - c.resizeMs - c.visionMs - tokensMs],
    [`${c.steps} tokens of ${c.perTokenMs.toFixed(2)} ms`, tokensMs],
  ];
  return [
    ...["", "## A caption of a photo (1024 x 768, the embedded model, warm)", ""],
    ...["| stage | ms | share |", "| --- | --- | --- |"],
    ...stages.map(([name, ms]) => `| ${name} | ${ms.toFixed(1)} | ${percent(ms / c.totalMs)} |`),
    `| all | ${c.totalMs.toFixed(1)} | |`,
    "",
    `Cold, in a new process: open and load ${c.coldLoadMs.toFixed(0)} ms, first caption ${
      c.coldCaptionMs.toFixed(0)
    } ms. ` +
    `Reading the files alone takes ${c.readFilesMs.toFixed(0)} ms.`,
  ];
}

function profilePage({ what, tileMs, shares }: Profile): string[] {
  return [
    ...["", `## Operations of ${what} (${tileMs.toFixed(0)} ms)`, "", "| operation | share |", "| --- | --- |"],
    ...Object.entries(shares).map(([name, share]) => `| ${name} | ${(share * 100).toFixed(1)} % |`),
  ];
}

/** What was reached within what the engine can reach. */
export function chart({ date, results }: BenchReport): string {
  const rate = (name: string) => results.timings.find((t) => t.name === name)!.perSecond / 1e9;
  const of = (name: string, ceiling: string) => {
    const [value, outline] = [rate(name), rate(ceiling)];
    return { name, value, outline, label: `${value.toFixed(0)} of ${outline.toFixed(0)} ${unitOf(name)}` };
  };
  const products = ["smollm2 q4", "smollm2 q8", "vit_b q4", "vit_b q8"].flatMap((layer) =>
    [1, 64, 256].map((rows) => of(`${layer}, M = ${rows}`, "i8 relaxed dot"))
  );
  const attention = [256, 1024].map((patches) => of(`attention, ${patches} patches`, "f32 mul + add"));
  return barChart(`Achieved within the engine's ceiling, ${date}`, [...products, ...attention]);
}
