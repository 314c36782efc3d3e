/** Bodies that nobody would send by intent: whatever comes, the answer is one of the documented ones, and no place is lost. */
import assert from "node:assert/strict";
import { Random } from "../../sdk/generate/random.ts";
import type { LogEntry } from "../../src/service/app.ts";
import { open } from "../sdk/model.ts";
import { CHAT, type Json, TestApp } from "./app.ts";
import { mutated } from "./mutations.ts";

const faults: LogEntry[] = [];
const app = new TestApp(await open(), { log: (entry) => entry.status >= 500 && faults.push(entry) });
const random = new Random(7);

const VALID = {
  model: "loris",
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "Hi" }] },
    { role: "assistant", content: "Hello." },
    { role: "user", content: "And now?" },
  ],
  ...{ max_tokens: 1, max_completion_tokens: 1, temperature: 1, top_p: 0.9, top_k: 5, min_p: 0, repetition_penalty: 1 },
  ...{ seed: 1, stop: ["x"], n: 1, stream: true, stream_options: { include_usage: true }, logprobs: false },
  response_format: { type: "text" },
};
const CAPTION = { image: [1, 2, 3], prompt: "What is this?", max_tokens: 1, temperature: 0, top_p: 1, seed: 1 };

const statuses = new Map<number, number>();

async function check(response: Response): Promise<void> {
  const text = await response.text();
  statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  assert.ok([200, 400, 413, 415].includes(response.status), `${response.status} ${text}`);
  if (response.status === 200) return;
  const { error } = JSON.parse(text);
  assert.ok(error.message.length < 500 && error.type === "invalid_request_error" && error.code.length > 3, text);
}

Deno.test("hostile: mutations of a valid chat and caption request are answered or refused, never a fault", async () => {
  const whole = await app.chat(VALID);
  assert.equal(whole.status, 200, await whole.text());
  for (let i = 0; i < 400; i++) {
    let body: Json = VALID;
    for (let times = 1 + Math.floor(random.uniform() * 3); times > 0; times--) body = mutated(body, random);
    await check(await app.chat(body));
    await check(await app.post("/caption", mutated(CAPTION, random)));
  }
  assert.deepEqual(faults, []);
  assert.ok(statuses.get(200)! > 20 && statuses.get(400)! > 300, JSON.stringify([...statuses]));
});

Deno.test("hostile: bytes of every kind under every content type", async () => {
  const types = [
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "image/png",
    "text/html",
    "",
  ];
  const bodies = Array.from(
    { length: 12 },
    (_, i) => Uint8Array.from({ length: i * 40 }, () => random.uniform() * 256),
  );
  bodies.push(
    new TextEncoder().encode("[".repeat(20_000)),
    new TextEncoder().encode('{"messages":'.repeat(2000)),
    new TextEncoder().encode(
      '--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\nGIF89a\r\n--b--\r\n',
    ),
  );
  for (const path of [CHAT, "/caption", "/caption?max_tokens=1&seed=%00&temperature=NaN"]) {
    for (const type of types) {
      for (const body of bodies) {
        await check(
          await app.app.request(path, { method: "POST", body, headers: type === "" ? {} : { "content-type": type } }),
        );
      }
    }
  }
  assert.deepEqual(faults, []);
});

Deno.test("hostile: afterwards no place is taken, and the model still answers", async () => {
  const metrics = await (await app.get("/metrics")).text();
  assert.match(metrics, /loris_requests_inside 0\n/);
  assert.match(metrics, /loris_held_bytes 0\n/);
  assert.equal((await app.chat({ messages: [{ role: "user", content: "Hi" }], max_tokens: 1 })).status, 200);
});
