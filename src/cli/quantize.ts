import { formatBytes } from "../../sdk/memory/plan.ts";
import { groupBy } from "../../sdk/platform/group.ts";
import { quantize as quantizeFile, QUANTIZE_TYPES, type Quantized, type QuantizedTensor } from "../../sdk/quantize.ts";
import type { Arguments } from "./args.ts";
import { sources } from "./model.ts";
import { print, Progress } from "./terminal.ts";
import { UsageError } from "./values.ts";
import { isSameFile, isThere, writeWhole } from "./write_file.ts";

/** `quantize IN.gguf OUT.gguf --type q4|q8`. Returns the exit status. */
export async function quantize(args: Arguments, signal: AbortSignal): Promise<number> {
  const { operands: [input, output], type } = args;
  if (args.operands.length !== 2 || type === undefined) {
    throw new UsageError(`quantize takes IN.gguf, OUT.gguf and --type ${QUANTIZE_TYPES.join("|")}`);
  }
  const files = sources(input!);
  try {
    await checkOutput(output!, files.map(({ name }) => name), args.force);
    const quantized = await quantizeFile(files, { type, signal });
    await writeWhole(output!, watched(quantized, output!));
    print(args.json ? asJson(output!, quantized) : report(output!, quantized));
    return 0;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** @throws {UsageError} */
async function checkOutput(output: string, inputs: readonly string[], force: boolean): Promise<void> {
  for (const input of inputs) {
    if (!await isSameFile(input, output)) continue;
    throw new UsageError(`${output} is the file that is read (${input}); name another one`);
  }
  if (!force && await isThere(output)) {
    throw new UsageError(`${output} is there already; name another one, or add --force`);
  }
}

async function* watched({ fileBytes, chunks }: Quantized, file: string): AsyncGenerator<Uint8Array> {
  const progress = new Progress("quantizing");
  let loadedBytes = 0;
  for await (const chunk of chunks()) {
    yield chunk;
    loadedBytes += chunk.length;
    progress.update({ file, loadedBytes, totalBytes: fileBytes });
  }
  progress.clear();
}

function asJson(file: string, { fileBytes, sourceBytes, tensors }: Quantized): string {
  return JSON.stringify({ file, bytes: fileBytes, source_bytes: sourceBytes, tensors }) + "\n";
}

function report(file: string, { fileBytes, sourceBytes, tensors }: Quantized): string {
  const lines = [...groupBy(tensors, said)].map(([what, { length }]) =>
    `  ${String(length).padStart(4)} tensors ${what}\n`
  );
  const share = Math.round(fileBytes / sourceBytes * 100);
  return `${file}: ${formatBytes(fileBytes)}, ${share} % of the original\n${lines.join("")}`;
}

function said({ from, to, how }: QuantizedTensor): string {
  if (how === "kept") return `${from}: kept, byte for byte`;
  const twice = " a second time: made of the model's 16-bit file, less would be lost";
  return `${from} to ${to}: rounded${how === "rounded" ? "" : twice}`;
}
