/** wllama (llama.cpp in WASM) in Deno, one thread. */
import { prompt, type TextEngine, type TextTimes, type TileEngine } from "./engine.ts";

/** The little of wllama that is called. */
interface Wllama {
  setCompat(compat: null): void;
  loadModel(files: Blob[], options: Record<string, unknown>): Promise<void>;
  createCompletion(options: Record<string, unknown>): Promise<{ timings: Timings }>;
  createChatCompletion(options: Record<string, unknown>): Promise<Completion>;
  exit(): Promise<void>;
}

interface Completion {
  readonly timings: Timings;
  readonly choices: readonly { readonly message: { readonly content: string } }[];
}

interface Timings {
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly prompt_per_second: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
}

const GREEDY = { temperature: 0, top_k: 1, ignore_eos: true, cache_prompt: false };

/** wllama with a model loaded; `lines` collects what llama.cpp logs. */
async function open(esm: string, paths: readonly string[]) {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async () => {
      const headers = { "content-type": "application/wasm" };
      return new Response(await Deno.readFile(`${esm}wasm/wllama.wasm`), { headers });
    },
  );
  hideNodeFromWorkers();
  const { Wllama } = await import(`file://${esm}index.js`);
  const lines: string[] = [];
  const log = (...words: unknown[]) => void lines.push(words.join(" "));
  const engine: Wllama = new Wllama({ default: `http://127.0.0.1:${server.addr.port}/wllama.wasm` }, {
    ...{ cacheManager: {}, modelManager: {} },
    logger: { debug: log, log, warn: log, error: log },
  });
  engine.setCompat(null);
  const files = await Promise.all(paths.map(async (path) => new Blob([await Deno.readFile(path)])));
  await engine.loadModel(files, {
    ...{ n_threads: 1, n_gpu_layers: 0, n_ctx: 1024, n_batch: 512, n_parallel: 1, log_level: 2, jinja: true },
  });
  const close = async () => {
    await engine.exit();
    await server.shutdown();
  };
  return { engine, lines, close };
}

export async function wllamaText(esm: string, model: string): Promise<TextEngine> {
  const { engine, close } = await open(esm, [model]);
  return {
    name: "wllama",
    async answer(promptTokens, decodeTokens, seed): Promise<TextTimes> {
      const options = { ...GREEDY, prompt: prompt(promptTokens, seed), max_tokens: decodeTokens };
      const { timings: t } = await engine.createCompletion(options);
      // a prompt that was not read whole would look fast
      if (t.prompt_n < promptTokens * 0.9) throw new Error(`wllama read ${t.prompt_n} tokens of ${promptTokens}`);
      // the answer's first token comes out of the prompt and is in no decode step's time
      return { prompt: t.prompt_per_second, decode: (t.predicted_n - 1) / t.predicted_ms * 1000 };
    },
    close,
  };
}

export async function wllamaTile(esm: string, text: string, vision: string, picture: Uint8Array): Promise<TileEngine> {
  const { engine, lines, close } = await open(esm, [text, vision]);
  return {
    name: "wllama",
    async tileMs() {
      lines.length = 0;
      const content = [{ type: "image", data: picture.slice().buffer }, { type: "text", text: "What is this?" }];
      const messages = [{ role: "user", content }];
      const { timings: t } = await engine.createChatCompletion({ ...GREEDY, messages, max_tokens: 1 });
      return tileMs(t, lines);
    },
    close,
  };
}

/** A pair in llama.cpp, or a text model alone, to be asked. */
export async function wllamaChat(esm: string, paths: readonly string[]) {
  const { engine, lines, close } = await open(esm, paths);
  return {
    /** What llama.cpp has logged. */
    lines,
    async ask(question: string, maxTokens: number, picture?: Uint8Array): Promise<string> {
      const image = picture ? [{ type: "image", data: picture.slice().buffer }] : [];
      const content = [...image, { type: "text", text: question }];
      const messages = [{ role: "user", content }];
      const options = { ...GREEDY, ignore_eos: false, messages, max_tokens: maxTokens };
      return (await engine.createChatCompletion(options)).choices[0]!.message.content;
    },
    close,
  };
}

/**
 * llama.cpp makes two tiles or more of any picture and times only the decoder's part of them: the rest of the prompt's time is
 * the tiles' and the text's, and a text token takes as long as an image token does there.
 */
export function tileMs(
  { prompt_n, prompt_ms }: Pick<Timings, "prompt_n" | "prompt_ms">,
  lines: readonly string[],
): number {
  const log = lines.join("\n");
  const tokens = [...log.matchAll(/decoding image batch \d+\/\d+, n_tokens_batch = (\d+)/g)].map((m) => Number(m[1]));
  const times = [...log.matchAll(/image decoded \(batch \d+\/\d+\) in (\d+) ms/g)].map((m) => Number(m[1]));
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  if (tokens.length === 0 || tokens.length !== times.length) throw new Error("wllama's log does not tell its tiles");
  return (prompt_ms - sum(times) / sum(tokens) * prompt_n) / tokens.length;
}

/** Emscripten takes Deno for Node by `process`; so wllama's workers must not have one. */
function hideNodeFromWorkers(): void {
  const Original = globalThis.Blob;
  if (Original.name === "BlobWithoutNode") return;
  globalThis.Blob = class BlobWithoutNode extends Original {
    constructor(parts: BlobPart[] = [], options?: BlobPropertyBag) {
      const script = options?.type === "text/javascript" && typeof parts[0] === "string";
      super(script ? ["globalThis.process = undefined;\n", ...parts] : parts, options);
    }
  };
}
