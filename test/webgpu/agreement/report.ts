import { type Agreement, decidedShare, equalShare } from "./agreement.ts";

/** A run of the tool. */
export interface AgreementReport {
  readonly date: string;
  readonly machine: string;
  readonly deno: string;
  /** As the adapter describes itself. */
  readonly device: string;
  readonly vision: "gpu" | "cpu";
  readonly limits: string;
  /** The CPU's activations were f32. */
  readonly exact: boolean;
  /** Of cuts of the examples' photos. */
  readonly ofExamples: boolean;
  readonly results: Readonly<Record<string, Agreement>>;
}

const NAMES: Readonly<Record<string, string>> = { nano: "embedded", smolvlm: "seeded, SmolVLM-256M's shape" };
const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

/** The run as Markdown. */
export function markdown(
  { date, machine, deno, device, vision, limits, results, ofExamples, exact }: AgreementReport,
): string {
  return [
    "# A GPU beside the CPU",
    "",
    `Printed by \`deno task gpu:agreement\` on ${date}. GPU: ${device}, with the limits of ` +
    `${limits === "default" ? "every WebGPU" : "its adapter"}. CPU: ${machine}. Deno ${deno}.`,
    "",
    `The CPU's greedy answers about pictures${
      ofExamples ? " (cuts of the photos in examples/)" : ""
    } are given to the GPU token by token. A token that the CPU does not decide is one ` +
    `at which its best two logits are no farther apart than ${
      exact ? "0: here its activations are f32" : "its own 8-bit activations make them wrong"
    }. Differences of logits ` +
    "are in parts of their spread; those of image tokens are squared differences beside the squares" +
    (vision === "gpu" ? "." : " (0: the GPU was given the CPU's)."),
    "",
    "| model | pictures | tokens | same best token | where the CPU decides | logits differ by at most | image tokens |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...Object.entries(results).map(([name, a]) =>
      `| ${NAMES[name]} | ${a.pictures} | ${a.tokens} | ${percent(equalShare(a))} | ${percent(decidedShare(a))} | ` +
      `${a.largestDifference.toPrecision(2)} | ${a.imageError.toPrecision(2)} |`
    ),
    "",
  ].join("\n");
}
