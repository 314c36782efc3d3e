import { LOADING_OPTIONS, type LoadingArguments, loadingArguments, parseCommandLine } from "./loading_args.ts";
import { list, number, UsageError, whole } from "./values.ts";

export const SERVE_USAGE = `deno task serve: the model behind HTTP, for OpenAI's clients and plain curl

  --port N               8000; 0 takes any that is free       --host NAME    127.0.0.1; 0.0.0.0 for all networks
  --conversations N      answers computed at once (4)         --max-waiting N   requests that may wait besides (16)
  --timeout SECONDS      of one request (120)                 --stop-timeout SECONDS   for running ones at the end (30)
  --model-id NAME        in answers (the text file's name)
  --cors ORIGIN,...      pages that may call, or "*"
  --remote-images HOST,...   hosts of pictures by https URL; "*.example.com" for all below
  LORIS_API_KEYS         in the environment: keys, parted by commas; without it everybody may ask

  --model DIR            folder with one text and one projector GGUF (default: the embedded model)
  --text FILE            text GGUF (first file, if split)     --vision FILE   projector GGUF
  --weights auto|q4-all|q4|q8|f16                             --memory-budget SIZE   such as 64MiB
  --vision-weights auto|resident|streamed  the encoder's layers in memory, or read for each picture (auto: where they do not fit)
  --lazy off|auto|gla|vla|FILE.json                           --kv f16|q8|f32
  --visual-tokens N[,random[=SEED]][,drop]                    --text-tokens N
  --context TOKENS       of each conversation                 --backend auto|wasm|webgpu
  --kernels relaxed|simd128|plain
  --help                 this text
`;

const OPTIONS = {
  ...LOADING_OPTIONS,
  port: { type: "string" },
  host: { type: "string" },
  conversations: { type: "string" },
  "max-waiting": { type: "string" },
  timeout: { type: "string" },
  "stop-timeout": { type: "string" },
  "model-id": { type: "string" },
  cors: { type: "string" },
  "remote-images": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const MAX_PORT = 65535;

/** How the server is to run; what was not given and has no default is undefined. */
export interface ServeArguments extends LoadingArguments {
  readonly port: number;
  readonly host: string;
  readonly conversations: number;
  readonly maxWaiting?: number | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly stopTimeoutMs: number;
  readonly modelId?: string | undefined;
  readonly corsOrigins?: "*" | readonly string[] | undefined;
  readonly remoteHosts?: readonly string[] | undefined;
}

/** @returns "help" where that is asked for. @throws {UsageError} for anything that is not as {@link SERVE_USAGE} says. */
export function parseServeArguments(argv: readonly string[]): ServeArguments | "help" {
  const { values, positionals } = parseCommandLine(argv, OPTIONS, "--help lists what there is");
  if (values.help) return "help";
  if (positionals.length > 0) throw new UsageError(`serve takes options alone, it got "${positionals[0]}"`);
  const port = whole("--port", values.port, 0) ?? 8000;
  if (port > MAX_PORT) throw new UsageError(`--port is ${port}, it must be a whole number from 0 to ${MAX_PORT}`);
  return {
    ...loadingArguments(values),
    port,
    host: values.host ?? "127.0.0.1",
    conversations: whole("--conversations", values.conversations, 1) ?? 4,
    maxWaiting: whole("--max-waiting", values["max-waiting"], 0),
    requestTimeoutMs: milliseconds("--timeout", values.timeout),
    stopTimeoutMs: milliseconds("--stop-timeout", values["stop-timeout"]) ?? 30_000,
    modelId: values["model-id"],
    corsOrigins: values.cors === "*" ? "*" : list(values.cors, (origin) => origin),
    remoteHosts: list(values["remote-images"], (host) => host),
  };
}

function milliseconds(name: string, value: string | undefined): number | undefined {
  const seconds = number(name, value);
  if (seconds === undefined) return undefined;
  if (seconds < 0.001) throw new UsageError(`${name} is ${value}, it must be a number of seconds above 0`);
  return Math.ceil(seconds * 1000);
}
