#!/usr/bin/env -S deno run --allow-read --allow-net --allow-env
/** The service on Deno: `deno task serve --help` says how. */
import { basename } from "node:path";
import { embeddedCard } from "./cli/model_card.ts";
import { defined, openModel } from "./cli/open.ts";
import { parseServeArguments, SERVE_USAGE, type ServeArguments } from "./cli/serve_args.ts";
import { errorLine, note, print } from "./cli/terminal.ts";
import { UsageError } from "./cli/values.ts";
import { createApp, type LogEntry } from "./service/app.ts";

/** For what was told to end at once, and for its last bytes on their way. */
const LAST_BYTES_MS = 2000;

/** Runs until it is stopped; returns the exit status, as `runCli` does. */
async function serve(argv: readonly string[]): Promise<number> {
  const interrupts = new Interrupts();
  try {
    const args = parseServeArguments(argv);
    if (args !== "help") return await run(args, interrupts);
    print(SERVE_USAGE);
    return 0;
  } catch (error) {
    note(error instanceof UsageError ? `usage: ${error.message}` : errorLine(error));
    if (interrupts.first.aborted) return 130;
    return error instanceof UsageError ? 2 : 1;
  }
}

async function run(args: ServeArguments, interrupts: Interrupts): Promise<number> {
  const { conversations, maxWaiting, requestTimeoutMs, corsOrigins, remoteHosts } = args;
  const { captioner, name, close } = await openModel(args, interrupts.first, { conversations });
  const apiKeys = Deno.env.get("LORIS_API_KEYS")?.split(",").map((key) => key.trim());
  const shutdown = new AbortController();
  const app = createApp(captioner, {
    modelId: args.modelId ?? basename(name, ".gguf"),
    ...defined({ maxWaiting, requestTimeoutMs, corsOrigins, apiKeys }),
    ...(args.model === undefined && args.text === undefined ? { modelCard: await embeddedCard() } : {}),
    ...(remoteHosts ? { remoteImages: { hosts: remoteHosts, resolve: addressesOf } } : {}),
    shutdown: shutdown.signal,
    log,
  });
  const server = Deno.serve({
    port: args.port,
    hostname: args.host,
    onListen: ({ hostname, port }) => {
      print(`http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}\n`);
    },
  }, (request) => app.fetch(request));

  await aborted(interrupts.first);
  note(`stopping: running requests have ${args.stopTimeoutMs / 1000} s; interrupt again to end them at once`);
  const timers = [setTimeout(() => shutdown.abort(), args.stopTimeoutMs)];
  interrupts.second.addEventListener("abort", () => shutdown.abort());
  // a client that does not take its last bytes must not keep the server from ending
  const given = new Promise<"late">((resolve) =>
    shutdown.signal.addEventListener("abort", () => timers.push(setTimeout(resolve, LAST_BYTES_MS, "late")))
  );
  const outcome = await Promise.race([server.shutdown(), given]);
  timers.forEach(clearTimeout);
  await close();
  if (outcome === "late") Deno.exit(1);
  return shutdown.signal.aborted ? 1 : 0;
}

/** SIGINT and SIGTERM, the first and the second. */
class Interrupts {
  readonly #controllers = [new AbortController(), new AbortController()] as const;

  constructor() {
    const [first, second] = this.#controllers;
    const interrupt = () =>
      (first.signal.aborted ? second : first).abort(new DOMException("interrupted", "AbortError"));
    Deno.addSignalListener("SIGINT", interrupt);
    // Windows has none to listen for
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", interrupt);
  }

  get first(): AbortSignal {
    return this.#controllers[0].signal;
  }

  get second(): AbortSignal {
    return this.#controllers[1].signal;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve()));
}

/** All addresses of a name; one of the two kinds may be missing. */
async function addressesOf(host: string): Promise<string[]> {
  const kinds = await Promise.allSettled([Deno.resolveDns(host, "A"), Deno.resolveDns(host, "AAAA")]);
  return kinds.flatMap((kind) => kind.status === "fulfilled" ? kind.value : []);
}

/** A line of JSON for each request, on standard error. */
function log({ error, ...entry }: LogEntry): void {
  const fault = error === undefined
    ? {}
    : { error: error instanceof Error ? error.stack ?? errorLine(error) : String(error) };
  note(JSON.stringify({ time: new Date().toISOString(), ...entry, ...fault }));
}

Deno.exitCode = await serve(Deno.args);
