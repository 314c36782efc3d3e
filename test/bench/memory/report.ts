import type { Growth } from "./measure.ts";

/** Everything that one run measured. */
export interface MemoryPage {
  readonly date: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Peak of an empty worker's process by runtime, in bytes. */
  readonly empty: Readonly<Record<string, number>>;
  readonly growth: readonly Growth[];
}

/** What an isolate of Cloudflare's has for everything. */
export const GOAL_BYTES = 128e6;

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** The run as Markdown. */
export function markdown({ date, machine, versions, empty, growth }: MemoryPage): string {
  const row = (name: string, cell: (g: Growth) => string) => `| ${name} | ${growth.map(cell).join(" | ")} |`;
  return [
    "# Memory of the service",
    "",
    `Printed by \`deno task bench:memory\` on ${date}. Machine: ${machine}. ` +
    `${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(", ")}. ` +
    "Resident memory of the whole process, over the peak of the same runtime with a worker that only answers " +
    `(${
      Object.entries(empty).map(([name, bytes]) => `${name} ${mb(bytes)}`).join(", ")
    }). The service's built package in ` +
    "one bundle, models over HTTP ranges from this machine. `nano` is the embedded model, `smolvlm` a seeded pair of " +
    "SmolVLM-256M's shape in Q8_0.",
    "",
    row("growth", (g) => `${g.model}, ${g.runtime}`),
    `| --- |${" --- |".repeat(growth.length)}`,
    row("weights; vision layers", (g) => `${g.weights}; ${g.visionWeights}`),
    row("context, tokens; KV cache", (g) => `${g.contextTokens}; ${g.kv}`),
    row("memoryBudget", (g) => mb(g.budgetBytes)),
    row("reserved in it", (g) => mb(g.memoryBytes)),
    row("after loading, peak", (g) => mb(g.loadedBytes)),
    row("after a caption, peak", (g) => mb(g.captionBytes)),
    row(
      "requests in a row: after a tenth, half, all",
      ({ row }) => `${row.requests}: ${mb(row.tenthBytes)}, ${mb(row.halfBytes)}, ${mb(row.allBytes)}`,
    ),
    row(
      "resident then of the process: program, code, model, rest",
      ({ parts }) => [parts.program, parts.code, parts.model, parts.rest].map(mb).join(", "),
    ),
    row(
      "after a full collection: the engine's heap, resident",
      ({ collected }) => collected ? `${mb(collected.usedBytes)}, ${mb(collected.residentBytes)}` : "not asked",
    ),
    row("ten photos of 12 MP at once: answered, refused", ({ flood }) => `${flood["200"]}, ${flood["429"]}`),
    row("peak of all", (g) => mb(g.peakBytes)),
    row(
      `within ${mb(GOAL_BYTES)}`,
      (g) => g.peakBytes <= GOAL_BYTES ? "yes" : `no, ${mb(g.peakBytes - GOAL_BYTES)} over`,
    ),
    "",
  ].join("\n");
}
