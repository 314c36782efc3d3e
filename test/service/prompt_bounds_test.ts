/** Conversations that cannot fit are refused before a template or a tokenizer, whose work goes by their length, sees them. */
import assert from "node:assert/strict";
import { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { openSmall } from "../sdk/small_model.ts";
import { nanoTokenizerData } from "../text/nano.ts";
import { errorOf, type Json, TestApp } from "./app.ts";

const CONTEXT = 256;
const data = (await nanoTokenizerData())!;
const tokenizer = new Tokenizer(data);
const app = new TestApp(await openSmall({ contextTokens: CONTEXT }));
const user = (content: Json) => ({ role: "user", content });
const text = (text: string) => ({ type: "text", text });

/** Answers a request; how many texts were cut into tokens for it. */
async function encoded(messages: Json[]): Promise<{ response: Response; encodings: number }> {
  const { encode } = Tokenizer.prototype;
  let encodings = 0;
  Tokenizer.prototype.encode = function (runs) {
    encodings++;
    return encode.call(this, runs);
  };
  try {
    return { response: await app.chat({ messages, max_tokens: 1 }), encodings };
  } finally {
    Tokenizer.prototype.encode = encode;
  }
}

Deno.test("prompt bounds: the longest token is the vocabulary's, in bytes", () => {
  const lengths = data.tokens.flatMap((token, id) =>
    tokenizer.isControl(id) ? [] : [tokenizer.tokenBytes(id).length, token.length]
  );
  assert.equal(tokenizer.longestTokenBytes, Math.max(...lengths.filter((_, i) => i % 2 === 0)));
});

Deno.test("prompt bounds: texts, messages and parts that no context of this size can hold are refused unseen", async () => {
  const most = CONTEXT * tokenizer.longestTokenBytes;
  const conversations: Record<string, Json[]> = {
    "a long text": [user(" ".repeat(most + 1))],
    "many texts": Array.from({ length: 200 }, () => user("a".repeat(most / 200 + 1))),
    "many messages": Array.from({ length: 20_000 }, () => user("a")),
    "many parts": [user(Array.from({ length: 20_000 }, () => text("")))],
  };
  for (const [what, messages] of Object.entries(conversations)) {
    const { response, encodings } = await encoded(messages);
    await errorOf(response, 400, "context_length_exceeded", "messages");
    assert.equal(encodings, 0, what);
  }
});

Deno.test("prompt bounds: what may fit is cut into tokens, and refused or answered by their number", async () => {
  const longest = data.tokens.findIndex((_, id) => tokenizer.tokenBytes(id).length === tokenizer.longestTokenBytes);
  const word = new TextDecoder().decode(tokenizer.tokenBytes(longest));
  const fits = await encoded([user(word.repeat(100))]);
  assert.deepEqual([fits.response.status, fits.encodings], [200, 1], await fits.response.text());
  const tooMany = await encoded([user("a b ".repeat(300))]);
  await errorOf(tooMany.response, 400, "context_length_exceeded", "messages");
  assert.equal(tooMany.encodings, 1);
});
