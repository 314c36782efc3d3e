/** The service in a process of its own, asked over HTTP as any client would: streaming, pictures as data URLs. */
import { Buffer } from "node:buffer";
import { sseEvents } from "../../service/app.ts";
import { startServer } from "../../service/server.ts";
import { type ProcessMemory, processMemory, statusOf } from "../workerd/runtimes.ts";
import { cpuMsOf } from "./process.ts";
import type { Answered, Target } from "./target.ts";
import type { Asked } from "./workloads.ts";

/** A running service. */
export interface HttpTarget extends Target {
  readonly url: string;
  /** Undefined where the system does not tell. */
  memory(): Promise<ProcessMemory | undefined>;
}

/** The little of a chunk that is read. */
interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
  readonly usage: {
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  } | null;
  readonly error?: { readonly message: string };
}

/** Starts the service with the embedded model. */
export async function startService(conversations: number, contextTokens: number): Promise<HttpTarget> {
  const server = await startServer(["--conversations", String(conversations), "--context", String(contextTokens)]);
  return {
    ...{ name: "HTTP", url: server.url },
    ask: (asked) => ask(server.url, asked),
    cpuMs: () => cpuMsOf(server.pid),
    memory: async () => processMemory(await statusOf(server.pid)),
    async close() {
      server.kill("SIGTERM");
      await server.ended;
    },
  };
}

/** @throws {Error} with the service's words if it refuses or breaks off. */
async function ask(url: string, asked: Asked): Promise<Answered> {
  const body = JSON.stringify(openAiRequest(asked));
  const started = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  if (!response.ok) throw new Error(`the service answered ${response.status}: ${await response.text()}`);
  let [text, firstMs] = ["", 0];
  let usage: Chunk["usage"] = null;
  for await (const data of sseEvents(response)) {
    if (data === "[DONE]") break;
    const chunk: Chunk = JSON.parse(data);
    if (chunk.error) throw new Error(`the service broke off: ${chunk.error.message}`);
    const piece = chunk.choices[0]?.delta.content ?? "";
    if (text === "" && piece !== "") firstMs = performance.now() - started;
    text += piece;
    usage = chunk.usage ?? usage;
  }
  if (!usage) throw new Error("the stream ended without its usage");
  return {
    ...{ text, firstMs, totalMs: performance.now() - started },
    completionTokens: usage.completion_tokens,
    cachedTokens: usage.prompt_tokens_details.cached_tokens,
  };
}

/** What the service is sent. */
export function openAiRequest({ messages, maxTokens, temperature, seed }: Asked): object {
  return {
    messages: messages.map(({ role, content }) => ({
      role,
      content: typeof content === "string" ? content : content.map((part) =>
        part.type === "text" ? part : {
          type: "image_url",
          image_url: { url: `data:image/jpeg;base64,${Buffer.from(part.image as Uint8Array).toString("base64")}` },
        }
      ),
    })),
    ...{ max_completion_tokens: maxTokens, temperature, seed },
    ...{ stream: true, stream_options: { include_usage: true } },
  };
}
