import process from "node:process";
import { parseArguments, USAGE } from "./args.ts";
import { calibrate } from "./calibrate.ts";
import { caption } from "./caption.ts";
import { chat } from "./chat.ts";
import { evaluate } from "./evaluate.ts";
import { inspect } from "./inspect.ts";
import { interruptSignal } from "./open.ts";
import { quantize } from "./quantize.ts";
import { errorLine, note, print } from "./terminal.ts";
import { UsageError } from "./values.ts";
import { VERSION } from "../../sdk/version.ts";

const COMMANDS = { caption, ask: caption, chat, evaluate, calibrate, inspect, quantize };

/**
 * Runs a command line; returns the exit status: 0, 1 (something failed), 2 (usage), 130 (interrupted). Where nobody reads
 * the output any more (`loris caption ... | head -1`) the process ends at once, with a shell's 141 for a broken pipe.
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  const signal = interruptSignal();
  process.stdout.on("error", () => process.exit(141));
  try {
    const args = parseArguments(argv);
    if (args.command === "help") return done(USAGE);
    if (args.command === "version") return done(`loris ${VERSION}\n`);
    return await COMMANDS[args.command](args, signal);
  } catch (error) {
    note(error instanceof UsageError ? `usage: ${error.message}` : errorLine(error));
    if (signal.aborted) return 130;
    return error instanceof UsageError ? 2 : 1;
  }
}

function done(text: string): number {
  print(text);
  return 0;
}
