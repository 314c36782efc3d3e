import { bestBuild } from "../../sdk/backend/wasm/build.ts";
import type { GgufFile } from "../../sdk/gguf/gguf.ts";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { type FitVerdict, fitVerdict, typeSummary } from "../../sdk/inspect.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { formatBytes } from "../../sdk/memory/plan.ts";
import type { Arguments } from "./args.ts";
import { lazyOption } from "./lazy.ts";
import { sources } from "./model.ts";
import { print } from "./terminal.ts";
import { UsageError } from "./values.ts";

/** `inspect FILE.gguf [FILE.gguf]`. Returns the exit status: 1 if a pair does not fit its budget. */
export async function inspect(args: Arguments, signal: AbortSignal): Promise<number> {
  if (args.operands.length < 1 || args.operands.length > 2) {
    throw new UsageError("inspect takes one GGUF file, or a text and a projector file");
  }
  const files: GgufFile[] = [];
  for (const path of args.operands) {
    const parts = sources(path);
    try {
      files.push(await openGguf(parts, signal));
    } finally {
      await Promise.all(parts.map((part) => part.close()));
    }
  }
  const verdict = files.length === 2 ? await judge(files, args) : undefined;
  print(args.json ? JSON.stringify(asJson(files, verdict)) + "\n" : files.map(describe).join("\n") + advise(verdict));
  return verdict && !verdict.fits ? 1 : 0;
}

async function judge(files: readonly GgufFile[], args: Arguments): Promise<FitVerdict> {
  const isVision = (file: GgufFile) => file.metadata.optionalString("general.architecture") === "clip";
  const [text, vision] = isVision(files[0]!) ? [files[1]!, files[0]!] : [files[0]!, files[1]!];
  const { memoryBudget = 128 * 2 ** 20, weights = "auto", visionWeights, contextTokens, kv, textTokens, visualTokens } =
    args;
  const lazy = await lazyOption(args.lazy);
  const options = { memoryBudget, weights, visionWeights, contextTokens, kv, textTokens, visualTokens, lazy };
  return await fitVerdict(text, vision, await packagedKernels(bestBuild()), options);
}

function asJson(files: readonly GgufFile[], verdict: FitVerdict | undefined) {
  return {
    files: files.map((file) => ({
      file: file.name,
      version: file.version,
      bytes: file.fileBytes,
      metadata: Object.fromEntries([...file.metadata.entries()].map(([k, v]) => [k, short(v)])),
      types: typeSummary(file),
      tensors: [...file.tensors.values()].map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes })),
    })),
    ...(verdict ? { fit: verdict } : {}),
  };
}

function describe(file: GgufFile): string {
  const lines = [
    `${file.name}: GGUF version ${file.version}, ${formatBytes(file.fileBytes)}, ${file.tensors.size} tensors`,
  ];
  for (const [key, value] of file.metadata.entries()) lines.push(`  ${key} = ${short(value)}`);
  lines.push("");
  for (const { name, type, shape, bytes } of file.tensors.values()) {
    lines.push(`  ${name.padEnd(34)} ${type.padEnd(6)} [${shape.join(", ")}]  ${bytes} bytes`);
  }
  lines.push("");
  for (const { type, tensors, bytes, supported } of typeSummary(file)) {
    lines.push(
      `  ${type.padEnd(8)} ${String(tensors).padStart(5)} tensors  ${formatBytes(bytes)}${
        supported ? "" : "  NOT READABLE"
      }`,
    );
  }
  return lines.join("\n") + "\n";
}

function advise(verdict: FitVerdict | undefined): string {
  if (!verdict) return "\n  give both files of a pair to see whether it fits a --budget\n";
  const { fits, weights, visionWeights, contextTokens, neededBytes, budgetBytes, missingBytes } = verdict;
  const over = fits ? "" : `, ${formatBytes(missingBytes)} less than the smallest way needs`;
  const parts = [...verdict.parts.filter(({ bytes }) => bytes > 0), { name: "in all", bytes: neededBytes }];
  return [
    "",
    `${verdict.verdict}: the budget is ${formatBytes(budgetBytes)}${over}`,
    `weights "${weights}", vision model ${visionWeights}, ${contextTokens} tokens of context:`,
    ...parts.map(({ name, bytes }) => `  ${name.padEnd(16)} ${formatBytes(bytes)}`),
    ...(fits ? [] : ["what would fit:", ...remedyLines(verdict)]),
    "",
  ].join("\n");
}

function remedyLines({ remedies = [], neededBytes }: FitVerdict): string[] {
  const names = {
    weights: "weights",
    visionWeights: "vision-weights",
    contextTokens: "context",
    kv: "kv",
    lazy: "lazy",
  };
  const changes = remedies.map(({ change, neededBytes }) => {
    const options = Object.entries(change).map(([name, value]) => `--${names[name as keyof typeof names]} ${value}`);
    return `  ${options.join(" ")}  (needs ${formatBytes(neededBytes)})`;
  });
  return [...changes, `  --budget ${neededBytes}`, "  or a smaller model"];
}

/** Long values are shown by their beginning and length. */
function short(value: unknown): string {
  const text = JSON.stringify(value, (_, v) => typeof v === "bigint" ? String(v) : v);
  if (text.length <= 120) return text;
  const count = Array.isArray(value) ? `${value.length} elements` : `${text.length} characters`;
  return `${text.slice(0, 100)}... (${count})`;
}
