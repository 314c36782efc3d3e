import { barChart } from "../chart.ts";
import type { ClockName } from "./clock.ts";
import type { PairedTimes } from "./no_lazy.ts";
import type { ShareRow, ShareTable } from "./shares.ts";
import type { ThroughputRow, ThroughputTable } from "./throughput.ts";

/** Everything that one run measured. */
export interface LazyReport {
  readonly date: string;
  readonly machine: string;
  readonly clock: ClockName;
  readonly versions: Readonly<Record<string, string>>;
  readonly shares: readonly ShareTable[];
  readonly throughput: readonly ThroughputTable[];
  readonly noLazy: readonly PairedTimes[];
  /** True if some tables are of an earlier run. */
  readonly mended?: boolean;
}

/** A report whose tables take the place of an earlier one's of the same model and prompt; the others stay. */
export function mended(old: LazyReport, fresh: LazyReport): LazyReport {
  const replaced = <T>(before: readonly T[], after: readonly T[], key: (table: T) => string) => [
    ...before.map((table) => after.find((other) => key(other) === key(table)) ?? table),
    ...after.filter((table) => before.every((other) => key(other) !== key(table))),
  ];
  return {
    ...fresh,
    shares: replaced(old.shares, fresh.shares, ({ what, promptTokens }) => `${what} ${promptTokens}`),
    throughput: replaced(old.throughput, fresh.throughput, ({ what }) => what),
    noLazy: replaced(old.noLazy, fresh.noLazy, ({ what }) => what),
    mended: true,
  };
}

/** How many times the dense model's throughput is wanted. */
export const GOAL = 1.5;

const MIB = 2 ** 20;
const mib = (bytes: number) => (bytes / MIB).toFixed(1);
const times = (gain: number) => `${gain.toFixed(2)}x`;

/** The run as Markdown. */
export function markdown({ date, machine, clock, versions, shares, throughput, noLazy, mended }: LazyReport): string {
  return [
    "# Lazy Attention, measured",
    "",
    `Printed by \`deno task bench:lazy\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
    "`nano` is the embedded model; SmolVLM-256M is a pair of seeded weights in 4 bits of just that shape. " +
    "One thread; medians of rounds in which all rows of a table take turns. " +
    (clock === "cpu" ? "Times are the processor's, spent by this process." : "Times are those that pass.") +
    (mended ? " Some tables are of an earlier run." : ""),
    ...shares.flatMap(sharesPage),
    ...throughput.flatMap(throughputPage),
    ...noLazyPage(noLazy),
    "",
    "![throughput over dense](lazy.svg)",
    "",
  ].join("\n");
}

function sharesPage({ what, promptTokens, imageTokens, rounds, rows }: ShareTable): string[] {
  return [
    ...["", `## ${what}: ${imageTokens} image tokens of a prompt of ${promptTokens}`, ""],
    "Plans with anchors spread evenly, unless it is the model's own. KV bytes: the prompt's, asked from the cache (f16), " +
    "beside the formula. Ratios are to the dense plan: measured, then predicted; time by counted " +
    "multiplications, each kind at its kernels' speed alone, and for a decode step also by the bytes that it reads. " +
    `${rounds} rounds.`,
    "",
    "| plan | lazy layers | KV bytes | formula | of dense | weights, MiB | prefill, ms | measured | predicted " +
    "| a token, ms | measured | predicted | by bytes |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map((row) => shareLine(row, rows[0]!.kvBytes)),
  ];
}

function shareLine(row: ShareRow, denseBytes: number): string {
  const { prefillRatio: prefill, decodeRatio: decode } = row;
  const ratio = (value: number) => value.toFixed(3);
  return `| ${
    [
      ...[row.name, row.lazyLayers, row.kvBytes, row.formulaBytes, ratio(row.kvBytes / denseBytes)],
      ...[mib(row.weightBytes), row.prefillMs.toFixed(1), ratio(prefill.measured), ratio(prefill.multiplications)],
      ...[row.decodeMs.toFixed(2), ratio(decode.measured), ratio(decode.multiplications), ratio(decode.bytes!)],
    ].join(" | ")
  } |`;
}

function throughputPage(table: ThroughputTable): string[] {
  const { what, budgetBytes, tiles, encodeMs, encodeSelectingMs, rounds, rows } = table;
  const answers = [...new Set(rows.map(({ answerTokens }) => answerTokens))];
  return [
    ...["", `## ${what}: pictures a second in ${mib(budgetBytes)} MiB`, ""],
    `As many conversations decode together as their caches fit into ${budgetBytes} bytes beside weights, work areas, ` +
    `kernels and 4 MiB for the picture decoder. Encoding a picture (${tiles} tile${tiles === 1 ? "" : "s"}) takes ` +
    `${encodeMs.toFixed(0)} ms, ${
      encodeSelectingMs.toFixed(0)
    } ms where image tokens are chosen. *Pipeline*: encoding, ` +
    "prefill and decode. *Language*: pictures that are encoded already, as in a follow-up question. *Decode*: steps " +
    `alone. Steps are measured with half of the answer there. ${rounds} rounds.`,
    ...answers.flatMap((answerTokens) => [
      ...["", `### Answers of ${answerTokens} tokens`, ""],
      "| lazy | KV | image tokens | a cache, MiB | conversations | prefill, ms | step, ms | pipeline, pictures/s | " +
      "| language, pictures/s | | decode, tokens/s | |",
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
      ...rows.filter((row) => row.answerTokens === answerTokens).map(throughputLine),
      "",
      ...verdicts(rows.filter((row) => row.answerTokens === answerTokens)),
    ]),
  ];
}

function throughputLine({ rates, gains, ...row }: ThroughputRow): string {
  return `| ${
    [
      ...[row.plan, row.kv, row.imageTokens, mib(row.kvBytes), row.conversations],
      ...[row.prefillMs.toFixed(1), row.stepMs.toFixed(1)],
      ...[rates.pipeline.toPrecision(3), times(gains.pipeline), rates.language.toPrecision(3), times(gains.language)],
      ...[rates.decodeTokens.toPrecision(3), times(gains.decodeTokens)],
    ].join(" | ")
  } |`;
}

/**
 * What the whole pipeline's gain stays below however fast the language part becomes, since encoding takes its time: of
 * 1 / pipeline = encoding + 1 / language the first alone is left.
 */
function pipelineLimit({ rates: { pipeline, language } }: ThroughputRow): number {
  return language / (language - pipeline);
}

/** For each rate the best combination, whether it reaches the goal, and what each switch brings alone. */
export function verdicts(rows: readonly ThroughputRow[]): string[] {
  const [dense] = rows;
  const nameOf = (row: ThroughputRow) => `${row.plan}, ${row.kv}, ${row.imageTokens} image tokens`;
  const lazy = rows.filter(({ plan }) => plan !== dense!.plan);
  const alone = [
    ...lazy.filter((row) => row.kv === dense!.kv && row.imageTokens === dense!.imageTokens),
    ...rows.filter((row) => row.plan === dense!.plan && row !== dense).filter((row) =>
      (row.kv === dense!.kv) !== (row.imageTokens === dense!.imageTokens)
    ),
  ];
  return (["pipeline", "language", "decodeTokens"] as const).map((rate) => {
    const best = lazy.reduce((a, b) => b.gains[rate] > a.gains[rate] ? b : a);
    const reached = best.gains[rate] >= GOAL ? "reaches" : "does not reach";
    const parts = alone.map((row) => `${nameOf(row)} ${times(row.gains[rate])}`).join("; ");
    const limit = rate === "pipeline"
      ? ` Encoding is no decoder's work: with no time for anything else the gain would be ${
        times(pipelineLimit(dense!))
      }.`
      : "";
    return `- ${rate === "decodeTokens" ? "decode" : rate}: the best lazy row, ${nameOf(best)}, has ` +
      `${times(best.gains[rate])} and ${reached} ${GOAL}x. Switches alone: ${parts}.${limit}`;
  });
}

function noLazyPage(rows: readonly PairedTimes[]): string[] {
  if (rows.length === 0) return [];
  return [
    ...["", '## A plan without lazy layers beside `lazy: "off"`', ""],
    "The embedded model, both in one memory, in pairs, one right after the other. Goal: within 1 %.",
    "",
    "| what | off, ms | plan, ms | ratio of pairs, median | its 95 % interval | middle half of ratios | pairs |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(({ what, offMs, planMs, ratio, interval, quartiles, pairs }) => {
      const range = ([low, high]: readonly [number, number]) => `${low.toFixed(4)} to ${high.toFixed(4)}`;
      return `| ${
        [what, offMs.toFixed(3), planMs.toFixed(3), ratio.toFixed(4), range(interval), range(quartiles), pairs].join(
          " | ",
        )
      } |`;
    }),
  ];
}

/** The language part's throughput over the dense model's, within the goal, for the longest answers. */
export function chart({ date, throughput }: LazyReport): string {
  const bars = throughput.flatMap(({ what, rows }) => {
    const longest = Math.max(...rows.map(({ answerTokens }) => answerTokens));
    return rows.filter(({ answerTokens }) => answerTokens === longest).map(({ plan, kv, imageTokens, gains }) => ({
      name: `${what}: ${plan}, ${kv}, ${imageTokens}`,
      ...{ value: gains.language, outline: GOAL, label: times(gains.language) },
    }));
  });
  return barChart(`Pictures a second over dense, language part, goal ${GOAL}, ${date}`, bars);
}
