import type { CaptionTimes } from "./caption.ts";
import type { Timing } from "./measure.ts";

/** Everything that one run measured. */
export interface BenchReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Record<string, string>;
  readonly ratios: Record<string, number>;
  readonly timings: readonly Timing[];
  readonly caption: CaptionTimes;
}

const unitOf = (name: string) => /read|decode attention/.test(name) ? "GB/s" : "GOP/s";

/** The run as Markdown: what was reached beside what the engine can reach. */
export function markdown(report: BenchReport): string {
  const { caption: c } = report;
  const stages: [string, number][] = [
    ["decode, turn and resize the picture", c.decodeImageMs],
    ["vision", c.visionMs],
    ["prefill", c.prefillMs],
    [`${c.tokens - 1} tokens of ${c.perTokenMs.toFixed(2)} ms`, c.perTokenMs * (c.tokens - 1)],
  ];
  return [
    "# Benchmark",
    "",
    `Printed by \`deno task bench\` on ${report.date}. Machine: ${report.machine}. ` +
    `${
      Object.entries(report.versions).map(([k, v]) => `${k} ${v}`).join(", ")
    }. One thread; medians of interleaved runs.`,
    "",
    "## Kernels",
    "",
    "The first rows are ceilings of this engine on this machine: loops that touch no memory, or nothing else.",
    "",
    "| what | ms | a second |",
    "| --- | --- | --- |",
    ...report.timings.map((t) =>
      `| ${t.name} | ${t.ms.toFixed(3)} | ${(t.perSecond / 1e9).toFixed(1)} ${unitOf(t.name)} |`
    ),
    "",
    "## A caption of a photo (1024 x 768, the embedded model, warm)",
    "",
    "| stage | ms | share |",
    "| --- | --- | --- |",
    ...stages.map(([name, ms]) => `| ${name} | ${ms.toFixed(1)} | ${(ms / c.totalMs * 100).toFixed(0)} % |`),
    `| all | ${c.totalMs.toFixed(1)} | |`,
    "",
    `Cold (open, load, first caption): ${c.coldMs.toFixed(0)} ms, of which reading the files alone takes ${
      c.readFilesMs.toFixed(0)
    } ms.`,
    "",
    "## Ratios",
    "",
    "| ratio | value |",
    "| --- | --- |",
    ...Object.entries(report.ratios).map(([name, value]) => `| ${name} | ${value.toFixed(3)} |`),
    "",
    "![achieved against ceiling](bench.svg)",
    "",
  ].join("\n");
}

/** Bars of what was reached (filled) within what the engine can reach (outline). */
export function svg(
  title: string,
  bars: readonly { name: string; value: number; ceiling: number; unit: string }[],
): string {
  const [left, width, row] = [250, 420, 30];
  const most = Math.max(...bars.map((b) => b.ceiling));
  const height = 50 + bars.length * row;
  const lines = bars.map(({ name, value, ceiling, unit }, i) => {
    const y = 40 + i * row;
    const scaled = (v: number) => (v / most * width).toFixed(1);
    return [
      `<text x="${left - 10}" y="${y + 14}" text-anchor="end">${name}</text>`,
      `<rect x="${left}" y="${y}" width="${scaled(ceiling)}" height="18" fill="none" stroke="#888"/>`,
      `<rect x="${left}" y="${y}" width="${scaled(value)}" height="18" fill="#2f7fd6"/>`,
      `<text x="${left + width + 10}" y="${y + 14}">${value.toFixed(0)} of ${ceiling.toFixed(0)} ${unit}</text>`,
    ].join("");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 170} ${height}" ` +
    `font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>` +
    `<text x="10" y="22" font-size="15">${title}</text>${lines.join("")}</svg>\n`;
}
