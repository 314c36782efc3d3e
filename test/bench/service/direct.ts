/** The captioner in this process: what the service costs beside it is HTTP's share. */
import { load } from "../../../sdk/load.ts";
import { fileSource } from "../../../sdk/sources/file.ts";
import { NANO } from "../model.ts";
import { cpuMsOf } from "./process.ts";
import type { Answered, Target } from "./target.ts";

/** Loads the embedded model as `deno task serve` does. */
export async function openCaptioner(conversations: number, contextTokens: number): Promise<Target> {
  const sources = [fileSource(NANO.text), fileSource(NANO.vision)] as const;
  const captioner = await load({ text: sources[0], vision: sources[1], contextTokens, conversations });
  return {
    name: "captioner alone",
    async ask({ messages, ...options }): Promise<Answered> {
      const started = performance.now();
      const answer = captioner.chat(messages, options);
      let [text, firstMs] = ["", 0];
      for await (const piece of answer) {
        if (text === "" && piece !== "") firstMs = performance.now() - started;
        text += piece;
      }
      const { usage } = await answer.result;
      const totalMs = performance.now() - started;
      const { completionTokens, cachedTokens } = usage;
      // as the service does
      return { text: text.trimStart(), firstMs, totalMs, completionTokens, cachedTokens };
    },
    cpuMs: () => cpuMsOf(Deno.pid),
    async close() {
      await captioner.close();
      for (const source of sources) await source.close();
    },
  };
}
