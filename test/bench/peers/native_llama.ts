/** Native llama.cpp, one thread, in a process of its own. */
import type { TextEngine, TextTimes } from "./engine.ts";

export async function nativeLlama(python: string, model: string): Promise<TextEngine> {
  const script = new URL("./native_llama.py", import.meta.url).pathname;
  const options = { stdin: "piped", stdout: "piped", stderr: "null" } as const;
  const child = new Deno.Command(python, { args: [script, model], ...options }).spawn();
  const requests = child.stdin.getWriter();
  const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const engine: TextEngine = {
    name: "llama.cpp native",
    async answer(promptTokens, decodeTokens, seed): Promise<TextTimes> {
      const request = { prompt: promptTokens, decode: decodeTokens, seed };
      await requests.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
      let line = "";
      while (!line.endsWith("\n")) {
        const { done, value } = await answers.read();
        if (done) throw new Error("native llama.cpp ended early");
        line += value;
      }
      return JSON.parse(line);
    },
    async close() {
      await requests.close().catch(() => {});
      await answers.cancel();
      await child.status;
    },
  };
  try {
    await engine.answer(8, 1, 0);
  } catch (error) {
    await engine.close();
    throw error;
  }
  return engine;
}
