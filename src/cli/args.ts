import { type Planner, PLANNERS } from "../../sdk/calibrate.ts";
import { QUANTIZE_TYPES, type QuantizeType } from "../../sdk/quantize.ts";
import { LOADING_OPTIONS, type LoadingArguments, loadingArguments, parseCommandLine } from "./loading_args.ts";
import { list, number, oneOf, UsageError, whole } from "./values.ts";

export const USAGE = `loris: small multimodal language models on this machine

  loris caption PICTURE...          describe pictures (files, or folders of them)
  loris ask PICTURE "QUESTION"      ask about one picture
  loris chat [PICTURE]              talk; each line is a turn, /image FILE adds a picture, /new starts again
  loris evaluate captions|questions|yesno|agreement FILE.jsonl FOLDER   a data set, answered (greedy) and scored
  loris calibrate FILE.jsonl FOLDER find lazy plans: a profile, a table, the plans, into --out FOLDER
  loris inspect FILE.gguf [FILE]    tensors, types; of a pair the memory plan, and whether it fits a budget
  loris quantize IN.gguf OUT.gguf --type q4|q8   a file with smaller weights, of a text or projector file; --force overwrites

  --model DIR            folder with one text and one projector GGUF (default: the embedded model)
  --text FILE            text GGUF (first file, if split)     --vision FILE   projector GGUF
  --prompt TEXT          question for caption                 --detail low|high
  --weights auto|q4-all|q4|q8|f16                             --memory-budget SIZE   or --budget: 64MiB, 128MB
  --vision-weights auto|resident|streamed  the encoder's layers in memory, or read for each picture (auto: where they do not fit)
  --lazy off|auto|gla|vla|FILE.json  layers that inherit attention: the model's own plan, or one from a file
  --kv f16|q8|f32        elements of the KV cache             --text-tokens N   of the context, with --lazy vla
  --visual-tokens N[,random[=SEED]][,drop]  image tokens of a tile that stay; the rest is merged into them, or dropped
  --context TOKENS       positions of the KV cache            --max-tokens N
  --temperature T        0 (default) is greedy                --seed N
  --backend auto|wasm|webgpu  the GPU if one passes its checks (auto), or just one; default wasm
  --kernels relaxed|simd128|plain                             --json          one object a line
  --limit N              first items of a data set            --journal FILE   results, to go on from
 calibrate: --limit pictures make the profile
  --held-out N           last pictures, which judge plans (32)  --mode gla|vla|both
  --shares 0.3,0.5,0.7   of lazy layers                       --planners threshold,greedy,random
  --first-lazy-layer N   layers before it stay out (2)        --write-gguf FILE   the text model with the best plan
  --help                 this text                            --version
`;

const OPTIONS = {
  ...LOADING_OPTIONS,
  prompt: { type: "string" },
  detail: { type: "string" },
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
  type: { type: "string" },
  force: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

const SEE_HELP = "loris --help lists what there is";

export const COMMANDS = ["caption", "ask", "chat", "evaluate", "calibrate", "inspect", "quantize"] as const;
export type Command = (typeof COMMANDS)[number];

/** A command line, understood; what was not given is undefined. */
export interface Arguments extends LoadingArguments {
  readonly command: Command | "help" | "version";
  readonly operands: readonly string[];
  readonly prompt?: string | undefined;
  readonly detail?: "low" | "high" | undefined;
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
  /** What `quantize` makes of the weights. */
  readonly type?: QuantizeType | undefined;
  /** Whether `quantize` may overwrite a file. */
  readonly force: boolean;
  readonly json: boolean;
}

/** @throws {UsageError} for anything that is not as {@link USAGE} says. */
export function parseArguments(argv: readonly string[]): Arguments {
  const { values, positionals } = parseCommandLine(argv, OPTIONS, SEE_HELP);
  if (values.help) return { command: "help", operands: [], force: false, json: false };
  if (values.version) return { command: "version", operands: [], force: false, json: false };
  const [command, ...operands] = positionals;
  if (!COMMANDS.includes(command as Command)) {
    throw new UsageError(`${command === undefined ? "no command" : `unknown command "${command}"`}; ${SEE_HELP}`);
  }
  return {
    command: command as Command,
    operands,
    ...loadingArguments(values),
    prompt: values.prompt,
    detail: oneOf("--detail", values.detail, ["low", "high"]),
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
    type: oneOf("--type", values.type, QUANTIZE_TYPES),
    force: values.force ?? false,
    json: values.json ?? false,
  };
}

function checkShare(text: string): number {
  const share = number("--shares", text)!;
  if (share > 0 && share <= 1) return share;
  throw new UsageError(`--shares has "${text}", wanted are numbers above 0 to 1, such as 0.3,0.5,0.7`);
}
