import process from "node:process";
import type { Captioner } from "../../sdk/captioner.ts";
import type { ChatOptions, ChatResult } from "../../sdk/chat.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import type { Arguments } from "./args.ts";
import { lazyOption } from "./lazy.ts";
import type { LoadingArguments } from "./loading_args.ts";
import { closeFiles, modelFiles } from "./model.ts";
import { Progress } from "./terminal.ts";

/** A loaded model and what the command line says of its use. */
export interface Opened {
  readonly captioner: Captioner;
  readonly options: ChatOptions;
  readonly loadMs: number;
  /** Closes the captioner, then the files that it still reads. */
  close(): Promise<void>;
}

/** Loads the model that the command line names, with its settings for answers. */
export async function open(args: Arguments, signal: AbortSignal): Promise<Opened> {
  const { captioner, loadMs, close } = await openModel(args, signal);
  const { maxTokens, temperature, seed, detail } = args;
  return { captioner, options: { ...defined({ maxTokens, temperature, seed, detail }), signal }, loadMs, close };
}

/** Loads the model that the command line names; `name` is its text file. @param more What the command decides itself. */
export async function openModel(
  args: LoadingArguments,
  signal: AbortSignal,
  more: Pick<LoadOptions, "conversations"> = {},
): Promise<Omit<Opened, "options"> & { readonly name: string }> {
  const started = performance.now();
  const lazy = await lazyOption(args.lazy);
  const files = await modelFiles(args);
  const progress = new Progress();
  try {
    const captioner = await load({
      ...files,
      ...defined({
        memoryBudget: args.memoryBudget,
        weights: args.weights,
        visionWeights: args.visionWeights,
        contextTokens: args.contextTokens,
        kv: args.kv,
        textTokens: args.textTokens,
        visualTokens: args.visualTokens,
        backend: args.backend,
        build: args.kernels,
        lazy,
      }),
      ...more,
      onProgress: progress.update,
      signal,
    });
    const loadMs = performance.now() - started;
    const { name } = files.text[0]!;
    progress.done(`loaded ${name} in ${loadMs.toFixed(0)} ms (${captioner.backend})`);
    if (!captioner.readsSources) await closeFiles(files);
    const close = async () => {
      await captioner.close();
      await closeFiles(files);
    };
    return { captioner, loadMs, name, close };
  } catch (error) {
    await closeFiles(files);
    throw error;
  }
}

/**
 * Takes an answer's text as it comes, without the space that parts it from the prompt, and gives each piece to `show`.
 * Returns the whole.
 */
export async function takeText(answer: AsyncIterable<string>, show: (piece: string) => void): Promise<string> {
  let text = "";
  for await (const delta of answer) {
    const piece = text === "" ? delta.trimStart() : delta;
    if (piece !== "") show(piece);
    text += piece;
  }
  return text;
}

/** One line of `--json`. */
export function jsonLine(file: string | undefined, text: string, result: ChatResult, opened: Opened): string {
  const { usage, timings } = result;
  const round = (ms: number) => Math.round(ms * 100) / 100;
  return JSON.stringify({
    file,
    caption: text,
    finish_reason: result.finishReason,
    usage: {
      prompt_tokens: usage.promptTokens,
      completion_tokens: usage.completionTokens,
      image_tokens: usage.imageTokens,
    },
    timings: {
      load_ms: round(opened.loadMs),
      decode_image_ms: round(timings.decodeImageMs),
      vision_ms: round(timings.visionMs),
      prefill_ms: round(timings.prefillMs),
      per_token_ms: round(timings.perTokenMs),
    },
    memory: opened.captioner.memory,
    backend: opened.captioner.backend,
    backend_reason: opened.captioner.backendReason,
  }) + "\n";
}

/** A signal that Ctrl-C aborts. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(new DOMException("interrupted", "AbortError")));
  return controller.signal;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the entries that are undefined, so that defaults hold. */
export function defined<T extends object>(values: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, v]) => v !== undefined)) as Partial<Defined<T>>;
}
