import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";
import type { ContentPart, Message } from "../../sdk/chat.ts";
import { LorisError } from "../../sdk/errors.ts";
import type { Arguments } from "./args.ts";
import { jsonLine, open, takeText } from "./open.ts";
import { errorLine, note, print } from "./terminal.ts";
import { UsageError } from "./values.ts";

/** `chat [PICTURE]`: a conversation, a line a turn. Returns the exit status. */
export async function chat(args: Arguments, signal: AbortSignal): Promise<number> {
  if (args.operands.length > 1) throw new UsageError("chat takes one picture at most; add others with /image FILE");
  const opened = await open(args, signal);
  let messages: Message[] = [];
  let waiting: ContentPart[] = [];
  const addImage = async (file: string) => {
    const image = await readFile(file).catch((cause) => {
      throw new LorisError("source_failed", `${file} cannot be read: ${(cause as Error).message}`, { cause });
    });
    waiting.push({ type: "image", image });
  };
  if (args.operands[0] !== undefined) await addImage(args.operands[0]);
  const live = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin });
  // without this a Ctrl-C would wait for the end of a line that nobody types
  signal.addEventListener("abort", () => lines.close());
  if (live) process.stderr.write("> ");
  let failed = 0;
  for await (const line of lines) {
    try {
      if (line.startsWith("/image ")) {
        await addImage(line.slice(7).trim());
      } else if (line.trim() === "/new") {
        [messages, waiting] = [[], []];
      } else if (line.trim() !== "") {
        const turn: Message = { role: "user", content: [...waiting, { type: "text", text: line }] };
        const answer = opened.captioner.chat([...messages, turn], opened.options);
        const text = await takeText(answer, args.json ? () => {} : print);
        print(args.json ? jsonLine(undefined, text, await answer.result, opened) : "\n");
        messages.push(turn, { role: "assistant", content: text });
        waiting = [];
      }
    } catch (error) {
      signal.throwIfAborted();
      failed++;
      note(errorLine(error));
    }
    if (live) process.stderr.write("> ");
  }
  signal.throwIfAborted();
  await opened.close();
  return failed > 0 ? 1 : 0;
}
