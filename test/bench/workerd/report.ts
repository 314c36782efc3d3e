import type { Stages } from "./stages.ts";

/** Everything that one run measured. */
export interface WorkerdReport {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly results: readonly Stages[];
}

/** Stages of a caption, in milliseconds. */
export function stageTimes(s: Stages): { name: string; ms: number; network: boolean }[] {
  return [
    { name: "decode the picture", ms: s.decodeMs, network: false },
    { name: "resize it", ms: s.resizeMs, network: false },
    { name: "vision", ms: s.visionMs, network: true },
    { name: "prefill", ms: s.prefillMs, network: true },
    { name: "all tokens after the first", ms: s.perTokenMs * s.steps, network: true },
    { name: "template, tokenizer, HTTP", ms: s.restMs, network: false },
  ];
}

/** Ratios of workerd to Deno; above 1 workerd takes longer, or is faster where speeds are compared. */
export function workerdRatios(workerd: Stages, deno: Stages): Record<string, number> {
  const linear = (s: Stages, rows: number) => s.linear.find((l) => l.rows === rows)!.perSecond;
  return {
    caption_time_workerd_over_deno: workerd.totalMs / deno.totalMs,
    ...Object.fromEntries(workerd.linear.map(({ rows, perSecond }) => [
      `linear_q4_m${rows}_speed_workerd_over_deno`,
      perSecond / linear(deno, rows),
    ])),
    largest_share_outside_networks_workerd: Math.max(
      ...stageTimes(workerd).filter(({ network }) => !network).map(({ ms }) => ms / workerd.totalMs),
    ),
  };
}

/** A memory that guard pages watch over takes all that 32 bits can address, and more. */
const GUARDED_BYTES = 2 ** 32;

const mib = (bytes: number | undefined) =>
  bytes === undefined ? "not told here" : `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function bounds(addressBytes: number | undefined): string {
  if (addressBytes === undefined) return "not told here";
  return addressBytes >= GUARDED_BYTES ? "by guard pages" : "by every load and store";
}

/** The run as Markdown. */
export function markdown({ date, machine, versions, ratios, results }: WorkerdReport): string {
  const row = (name: string, cell: (s: Stages) => string) => `| ${name} | ${results.map(cell).join(" | ")} |`;
  const line = `| --- |${" --- |".repeat(results.length)}`;
  const stages = results.map((s) => ({ total: s.totalMs, times: stageTimes(s) }));
  return [
    "# A photo's caption in workerd",
    "",
    `Printed by \`deno task bench:workerd\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
    "The built package in one bundle, the embedded model over HTTP from this machine, a JPEG of 1024 x 768 pixels, one " +
    "thread; medians of rounds in turns. The runtimes' own clocks, which were checked to run while they compute " +
    "(workerd's shows whole milliseconds); the whole is seen from outside.",
    ...["", "## Warm", "", row("milliseconds (share)", (s) => s.runtime), line],
    ...stages[0]!.times.map(({ name }, i) =>
      `| ${name} | ${
        stages.map(({ total, times }) => `${times[i]!.ms.toFixed(1)} (${(times[i]!.ms / total * 100).toFixed(0)} %)`)
          .join(" | ")
      } |`
    ),
    row("all", (s) => s.totalMs.toFixed(1)),
    row("one token", (s) => `${s.perTokenMs.toFixed(2)} (${s.steps} of them)`),
    ...["", "## Runtime", "", row("", (s) => s.runtime), line],
    row("kernels", (s) => s.backend),
    row("open and load, ms", (s) => s.loadMs.toFixed(0)),
    row("first caption after it, ms", (s) => s.firstCaptionMs.toFixed(0)),
    ...results[0]!.linear.map(({ rows }, i) =>
      row(`4-bit product, M = ${rows}, GOP/s`, (s) => (s.linear[i]!.perSecond / 1e9).toFixed(1))
    ),
    row("memory's bounds are checked", (s) => bounds(s.addressBytesOfMemory)),
    row("process before it loaded, peak resident", (s) => mib(s.ownPeakBytes)),
    row("process, peak resident", (s) => mib(s.peakBytes)),
    ...["", "## Ratios", "", "| ratio | value |", "| --- | --- |"],
    ...Object.entries(ratios).map(([name, value]) => `| ${name} | ${value.toFixed(3)} |`),
    "",
  ].join("\n");
}
