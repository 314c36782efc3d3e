import { parseArgs } from "node:util";
import { type Planner, PLANNERS } from "../../sdk/calibrate.ts";
import type { VisualTokensOption } from "../../sdk/lazy/visual_tokens.ts";

/** A mistake in how the command was written; ends with exit status 2. */
export class UsageError extends Error {}

export const USAGE = `loris: small multimodal language models on this machine

  loris caption PICTURE...          describe pictures (files, or folders of them)
  loris ask PICTURE "QUESTION"      ask about one picture
  loris chat [PICTURE]              talk; each line is a turn, /image FILE adds a picture, /new starts again
  loris evaluate captions|questions|yesno|agreement FILE.jsonl FOLDER   a data set, answered (greedy) and scored
  loris calibrate FILE.jsonl FOLDER find lazy plans: a profile, a table, the plans, into --out FOLDER
  loris inspect FILE.gguf [FILE]    tensors, types, memory and whether it fits; a pair, or one of its files

  --model DIR            folder with one text and one projector GGUF (default: the embedded model)
  --text FILE            text GGUF (first file, if split)     --vision FILE   projector GGUF
  --prompt TEXT          question for caption                 --detail low|high
  --weights auto|q4|q8|f16                                    --memory-budget SIZE   such as 64MiB
  --lazy off|auto|gla|vla|FILE.json  layers that inherit attention: the model's own plan, or one from a file
  --kv f16|q8|f32        elements of the KV cache             --text-tokens N   of the context, with --lazy vla
  --visual-tokens N[,random[=SEED]][,drop]  image tokens of a tile that stay; the rest is merged into them, or dropped
  --context TOKENS       positions of the KV cache            --max-tokens N
  --temperature T        0 (default) is greedy                --seed N
  --kernels relaxed|simd128|plain                             --json          one object a line
  --limit N              first items of a data set            --journal FILE   results, to go on from
 calibrate: --limit pictures make the profile
  --held-out N           last pictures, which judge plans (32)  --mode gla|vla|both
  --shares 0.3,0.5,0.7   of lazy layers                       --planners threshold,greedy,random
  --first-lazy-layer N   layers before it stay out (2)        --write-gguf FILE   the text model with the best plan
  --help                 this text                            --version
`;

const OPTIONS = {
  model: { type: "string" },
  text: { type: "string" },
  vision: { type: "string" },
  prompt: { type: "string" },
  detail: { type: "string" },
  weights: { type: "string" },
  "memory-budget": { type: "string" },
  lazy: { type: "string" },
  kv: { type: "string" },
  "text-tokens": { type: "string" },
  "visual-tokens": { type: "string" },
  context: { type: "string" },
  "max-tokens": { type: "string" },
  temperature: { type: "string" },
  seed: { type: "string" },
  limit: { type: "string" },
  journal: { type: "string" },
  "held-out": { type: "string" },
  mode: { type: "string" },
  shares: { type: "string" },
  planners: { type: "string" },
  "first-lazy-layer": { type: "string" },
  out: { type: "string" },
  "write-gguf": { type: "string" },
  kernels: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

export const COMMANDS = ["caption", "ask", "chat", "evaluate", "calibrate", "inspect"] as const;
export type Command = (typeof COMMANDS)[number];

/** A command line, understood; what was not given is undefined. */
export interface Arguments {
  readonly command: Command | "help" | "version";
  readonly operands: readonly string[];
  readonly model?: string | undefined;
  readonly text?: string | undefined;
  readonly vision?: string | undefined;
  readonly prompt?: string | undefined;
  readonly detail?: "low" | "high" | undefined;
  readonly weights?: "auto" | "q4" | "q8" | "f16" | undefined;
  readonly memoryBudget?: number | undefined;
  /** "off", "auto", "gla", "vla", or a JSON file with a plan. */
  readonly lazy?: string | undefined;
  readonly kv?: "f16" | "q8" | "f32" | undefined;
  readonly textTokens?: number | undefined;
  readonly visualTokens?: VisualTokensOption | undefined;
  readonly contextTokens?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly seed?: number | undefined;
  readonly limit?: number | undefined;
  readonly journal?: string | undefined;
  readonly heldOut?: number | undefined;
  readonly mode?: "gla" | "vla" | "both" | undefined;
  /** Of all layers, above 0 to 1. */
  readonly shares?: readonly number[] | undefined;
  readonly planners?: readonly Planner[] | undefined;
  readonly firstLazyLayer?: number | undefined;
  readonly out?: string | undefined;
  readonly writeGguf?: string | undefined;
  readonly kernels?: "relaxed" | "simd128" | "plain" | undefined;
  readonly json: boolean;
}

/** @throws {UsageError} for anything that is not as {@link USAGE} says. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parse(argv);
  if (values.help) return { command: "help", operands: [], json: false };
  if (values.version) return { command: "version", operands: [], json: false };
  const [command, ...operands] = positionals;
  if (!COMMANDS.includes(command as Command)) {
    throw new UsageError(`${command === undefined ? "no command" : `unknown command "${command}"`}; ${seeHelp}`);
  }
  if (values.model !== undefined && (values.text !== undefined || values.vision !== undefined)) {
    throw new UsageError("give --model, or --text and --vision, not both");
  }
  if ((values.text === undefined) !== (values.vision === undefined)) {
    throw new UsageError("--text and --vision go together");
  }
  return {
    command: command as Command,
    operands,
    model: values.model,
    text: values.text,
    vision: values.vision,
    prompt: values.prompt,
    detail: oneOf("--detail", values.detail, ["low", "high"]),
    weights: oneOf("--weights", values.weights, ["auto", "q4", "q8", "f16"]),
    memoryBudget: values["memory-budget"] === undefined ? undefined : parseBytes(values["memory-budget"]),
    lazy: values.lazy,
    kv: oneOf("--kv", values.kv, ["f16", "q8", "f32"]),
    textTokens: whole("--text-tokens", values["text-tokens"], 8),
    visualTokens: visualTokens(values["visual-tokens"]),
    contextTokens: whole("--context", values.context, 8),
    maxTokens: whole("--max-tokens", values["max-tokens"], 1),
    temperature: number("--temperature", values.temperature),
    seed: whole("--seed", values.seed, 0),
    limit: whole("--limit", values.limit, 1),
    journal: values.journal,
    heldOut: whole("--held-out", values["held-out"], 1),
    mode: oneOf("--mode", values.mode, ["gla", "vla", "both"]),
    shares: list(values.shares, (share) => checkShare(share)),
    planners: list(values.planners, (planner) => oneOf("--planners", planner, PLANNERS)!),
    firstLazyLayer: whole("--first-lazy-layer", values["first-lazy-layer"], 1),
    out: values.out,
    writeGguf: values["write-gguf"],
    kernels: oneOf("--kernels", values.kernels, ["relaxed", "simd128", "plain"]),
    json: values.json ?? false,
  };
}

const seeHelp = "loris --help lists what there is";

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const [first] = (error as Error).message.split(". ");
    // where a value begins with a dash the advice comes on further lines
    throw new UsageError(`${first!.replaceAll("\n", " ")}; ${seeHelp}`);
  }
}

function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  throw new UsageError(`${name} is "${value}", it must be ${allowed.join(" or ")}`);
}

function list<T>(value: string | undefined, entry: (text: string) => T): T[] | undefined {
  return value?.split(",").map((text) => entry(text.trim()));
}

function checkShare(text: string): number {
  const share = number("--shares", text)!;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`--shares has "${text}", wanted are numbers above 0 to 1, such as 0.3,0.5,0.7`);
}

function number(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const n = value.trim() === "" ? NaN : Number(value);
  if (!Number.isFinite(n)) throw new UsageError(`${name} is "${value}", it must be a number`);
  return n;
}

function whole(name: string, value: string | undefined, min: number): number | undefined {
  const n = number(name, value);
  if (n !== undefined && (!Number.isSafeInteger(n) || n < min)) {
    throw new UsageError(`${name} is "${value}", it must be a whole number from ${min}`);
  }
  return n;
}

function visualTokens(text: string | undefined): VisualTokensOption | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)(,random(?:=(\d+))?)?(,drop)?$/.exec(text);
  if (!match) {
    const message = `--visual-tokens is "${text}", it must be N or N,random or N,random=SEED, and may end in ,drop`;
    throw new UsageError(message);
  }
  const [, keep, random, seed, drop] = match;
  return { keep: Number(keep), by: random ? "random" : "attention", seed: Number(seed ?? 0), merge: !drop };
}

const UNITS: Record<string, number> = {
  "": 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const unit = UNITS[match?.[2] ?? "?"];
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? NaN));
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new UsageError(`--memory-budget is "${text}", it must be a size such as 64MiB, 128MB or 67108864`);
}
