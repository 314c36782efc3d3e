/** The table of quality: scores of the answers, and its Markdown. */
import { tokenAgreement } from "../../../sdk/evaluate/agreement.ts";
import { exactMatch } from "../../../sdk/evaluate/answers.ts";
import { bleu4 } from "../../../sdk/evaluate/bleu.ts";
import { ciderD } from "../../../sdk/evaluate/cider.ts";
import { median } from "../measure.ts";
import type { ClockName } from "./clock.ts";
import type { ThroughputRow } from "./throughput.ts";
import type { Answered } from "./table_model.ts";

/** What a row is asked. */
export const PARTS = ["captions", "agreement", "yesno", "vqa"] as const;
export type Part = (typeof PARTS)[number];

/** A picture, what is asked about it in one part, and what is right. */
export interface Item {
  /** Of the picture, within the folder of its part. */
  readonly file: string;
  /** None for captions and long answers, which have one question. */
  readonly questions: readonly string[];
  /** Captions by people, or the answer to each question. */
  readonly references: readonly string[];
}

/** A row's answers in one part: one for each item, in their order. */
export type RowAnswers = Partial<Record<Part, readonly Answered[]>>;

/** Scores, as far as the parts were asked. */
export interface Scores {
  readonly ciderD?: number;
  readonly bleu4?: number;
  /** Percent. */
  readonly yesNo?: number;
  readonly vqa?: number;
  /** Tokens at the same place as in the dense model's long answer, in percent, and tokens until the first other one. */
  readonly equalTokens?: number;
  readonly commonTokens?: number;
}

/** A row with everything that the table shows of it. */
export interface QualityRow extends Scores {
  readonly name: string;
  readonly lazyLayers: number;
  readonly kv: string;
  readonly imageTokens: number;
  /** Keys and values of the caption's prompt, from the cache itself. */
  readonly kvBytes?: number;
  readonly prefillMs?: number;
  readonly perTokenMs?: number;
  /** Under the budget; with `fixedBytes` and one cache it tells the peak of one conversation. */
  readonly throughput?: ThroughputRow;
}

/** The table. */
export interface QualityReport {
  readonly date: string;
  readonly machine: string;
  readonly clock: ClockName;
  readonly versions: Readonly<Record<string, string>>;
  /** Pictures or questions of each part. */
  readonly counts: Partial<Record<Part, number>>;
  readonly budgetBytes?: number;
  readonly rows: readonly QualityRow[];
}

/**
 * Scores of one row.
 *
 * @param dense The dense row's answers, for the agreement of long ones.
 */
export function scoresOf(
  items: Readonly<Record<Part, readonly Item[]>>,
  answers: RowAnswers,
  dense: RowAnswers,
): Scores {
  const { captions, yesno, vqa, agreement } = answers;
  const texts = (part: readonly Answered[]) => part.flatMap((answered) => answered.texts);
  const references = (part: Part) => items[part].flatMap((item) => item.references);
  const people = items.captions.map((item) => item.references);
  return {
    ...(captions && { ciderD: ciderD(texts(captions), people), bleu4: bleu4(texts(captions), people) }),
    ...(yesno && { yesNo: exactMatch(texts(yesno), references("yesno")) }),
    ...(vqa && { vqa: exactMatch(texts(vqa), references("vqa")) }),
    ...(agreement && dense.agreement && agreementOf(agreement, dense.agreement)),
  };
}

function agreementOf(answers: readonly Answered[], dense: readonly Answered[]) {
  const all = answers.map(({ ids }, i) => tokenAgreement(ids, dense[i]!.ids));
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    equalTokens: 100 * mean(all.map(({ equalShare }) => equalShare)),
    commonTokens: mean(all.map(({ commonPrefixTokens }) => commonPrefixTokens)),
  };
}

/** Bytes and times of one row's captions, medians over pictures; long answers stand in where there are none. */
export function costsOf({ captions, agreement }: RowAnswers): Pick<QualityRow, "kvBytes" | "prefillMs" | "perTokenMs"> {
  const answers = captions ?? agreement;
  if (!answers) return {};
  const steps = answers.map(({ perTokenMs }) => perTokenMs).filter((ms) => ms > 0);
  return {
    kvBytes: answers[0]!.kvBytes,
    prefillMs: median(answers.map(({ prefillMs }) => prefillMs)),
    ...(steps.length > 0 && { perTokenMs: median(steps) }),
  };
}

const MIB = 2 ** 20;

/** The table as Markdown. The first row is what others are compared with. */
export function markdown({ date, machine, clock, versions, counts, budgetBytes, rows }: QualityReport): string {
  const [dense] = rows;
  const number = (value: number | undefined, digits: number) => value === undefined ? "" : value.toFixed(digits);
  const saved = ({ kvBytes }: QualityRow) =>
    kvBytes === undefined || dense?.kvBytes === undefined
      ? ""
      : `${(100 * (kvBytes / dense.kvBytes - 1)).toFixed(1)} %`;
  const peak = ({ throughput: t }: QualityRow) => t && ((t.fixedBytes + t.kvBytes) / MIB).toFixed(1);
  const gain = (rate: number | undefined, of: number | undefined) =>
    rate === undefined || of === undefined ? "" : `${rate.toFixed(2)} (${(rate / of).toFixed(2)}x)`;
  const lines = rows.map((row) => {
    const { rates, conversations } = row.throughput ?? {};
    const base = dense?.throughput?.rates;
    return `| ${
      [
        ...[row.name, row.lazyLayers, row.kv, row.imageTokens, row.kvBytes ?? "", saved(row), peak(row) ?? ""],
        ...[number(row.prefillMs, 1), number(row.perTokenMs, 2), conversations ?? ""],
        ...[gain(rates?.pipeline, base?.pipeline), gain(rates?.language, base?.language)],
        ...[number(row.ciderD, 2), number(row.bleu4, 2), number(row.yesNo, 2), number(row.vqa, 2)],
        ...[number(row.equalTokens, 1), number(row.commonTokens, 1)],
      ].join(" | ")
    } |`;
  });
  const asked = Object.entries(counts).map(([part, count]) => `${part} ${count}`).join(", ");
  return [
    ...["# The table of Lazy Attention", ""],
    `Printed by \`deno task lazy:table\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. The embedded model, ` +
    `relaxed kernels, greedy; captions and answers of 26 tokens at most, long ones of 128. Asked: ${asked}.`,
    "",
    "KV bytes are the caption prompt's, from the cache itself. Memory is all of one conversation with a caption" +
    (budgetBytes === undefined
      ? "."
      : `; pictures a second with as many conversations as fit ${budgetBytes / MIB} MiB.`) +
    " Times are medians over pictures, every row in turn for each" +
    (clock === "cpu" ? ": the processor's, spent by this process." : "."),
    "",
    "| row | lazy layers | KV | image tokens | KV bytes | of dense | memory, MiB | prefill, ms | a token, ms " +
    "| conversations | pictures/s | of encoded pictures/s | CIDEr-D | BLEU-4 | yes/no, % | easy-VQA, % " +
    "| long: equal tokens, % | long: tokens until the first other |",
    `|${" --- |".repeat(18)}`,
    ...lines,
    "",
  ].join("\n");
}
