/** Other clients against the real server: Vercel's `ai`, LangChain, curl. Each: text, image, stream, error. */
import assert from "node:assert/strict";
import { createOpenAICompatible } from "npm:@ai-sdk/openai-compatible@3.0.92";
import { HumanMessage, SystemMessage } from "npm:@langchain/core@1.4.0/messages";
import { ChatOpenAI } from "npm:@langchain/openai@1.6.0";
import { APICallError, generateText, streamText } from "npm:ai@7.0.173";
import { DOGS } from "../sdk/model.ts";
import { CHAT, DOGS_URL, picture } from "./app.ts";
import { startServer } from "./server.ts";

const server = await startServer(["--model-id", "nano"]);
const baseURL = `${server.url}/v1`;

Deno.test("ai: text, image, stream, error", async () => {
  const model = createOpenAICompatible({ name: "loris", baseURL, includeUsage: true })("nano");
  const text = await generateText({ model, system: "Be brief.", prompt: "Hello", maxOutputTokens: 4 });
  assert.deepEqual([text.finishReason, text.usage.outputTokens], ["length", 4]);
  const messages = [{
    role: "user" as const,
    content: [{ type: "text" as const, text: "Describe this image." }, { type: "image" as const, image: DOGS }],
  }];
  const image = await generateText({ model, messages });
  assert.match(image.text, /dog/);
  const stream = streamText({ model, messages });
  const pieces: string[] = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  assert.ok(pieces.length > 3);
  assert.equal(pieces.join(""), image.text);
  assert.equal(await stream.finishReason, "stop");
  assert.ok((await stream.usage).inputTokens! > 64);
  const bad = generateText({ model, prompt: "Hello", maxOutputTokens: 5000, maxRetries: 0 });
  await assert.rejects(
    bad,
    (error) => APICallError.isInstance(error) && error.statusCode === 400 && /context/.test(error.message),
  );
});

Deno.test("LangChain: text, image, stream, error", async () => {
  const model = (maxTokens?: number) =>
    new ChatOpenAI({ model: "nano", apiKey: "none", maxRetries: 0, maxTokens, configuration: { baseURL } });
  const text = await model(4).invoke([new SystemMessage("Be brief."), new HumanMessage("Hello")]);
  assert.equal(text.usage_metadata!.output_tokens, 4);
  const question = new HumanMessage({
    content: [{ type: "text", text: "Describe this image." }, { type: "image_url", image_url: { url: DOGS_URL } }],
  });
  const image = await model().invoke([question]);
  assert.match(image.text, /dog/);
  const pieces: string[] = [];
  for await (const chunk of await model().stream([question])) pieces.push(chunk.text);
  assert.equal(pieces.join(""), image.text);
  await assert.rejects(model(5000).invoke("Hello"), (error) => (error as { status?: number }).status === 400);
});

/** curl's output; undefined where there is no curl. */
async function curl(...args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command("curl", { args: ["--silent", ...args], stdout: "piped" }).output();
    return new TextDecoder().decode(stdout);
  } catch {
    // deno-lint-ignore no-console -- the reason for a skip belongs in the test's output
    console.log("skipped: curl is not here");
    return undefined;
  }
}

Deno.test("curl: text, image, stream, error", async () => {
  const json = ["--header", "content-type: application/json"];
  const ask = (body: unknown) => curl(...json, "--data", JSON.stringify(body), server.url + CHAT);
  const hello = { messages: [{ role: "user", content: "Hello" }], max_tokens: 2 };
  const text = await ask(hello);
  if (text === undefined) return;
  assert.equal(JSON.parse(text).usage.completion_tokens, 2);
  const photo = new URL("../../examples/photos/dogs_at_window.jpg", import.meta.url).pathname;
  const image = await curl(
    "--header",
    "content-type: image/jpeg",
    "--data-binary",
    `@${photo}`,
    `${server.url}/caption`,
  );
  assert.match(JSON.parse(image!).description, /dog/);
  const form = await curl("--form", `image=@${photo}`, "--form", "max_tokens=3", `${server.url}/caption`);
  assert.ok(JSON.parse(form!).description.length > 1);
  const stream = await ask({ ...hello, stream: true });
  assert.match(stream!, /^data: \{.+\}\n\n(data: \{.+\}\n\n)+data: \[DONE\]\n\n$/);
  const error = await curl("--write-out", "%{http_code}", "--data", "x", server.url + CHAT);
  assert.match(error!, /"unsupported_media_type"\}\}415$/);
  const tooMuch = await ask({ messages: [picture("data:,x")] });
  assert.equal(JSON.parse(tooMuch!).error.code, "image_invalid");
});

Deno.test("clients: the server ends", async () => {
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
});
