/**
 * What a request leaves when it has ended, nothing: neither listeners at signals nor exceptions that nobody saw. Runtimes may
 * keep both, and with them all of the request, until a full collection.
 */
import assert from "node:assert/strict";
import { DOGS, open } from "../sdk/model.ts";
import { picture, TestApp } from "./app.ts";

/** Runs something; returns how many listeners of signals came, and how many of them nobody took away. */
async function listenersOf(run: () => Promise<void>): Promise<{ added: number; left: number }> {
  const left = new Map<AbortSignal, Set<unknown>>();
  let added = 0;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const watched: Pick<AbortSignal, "addEventListener" | "removeEventListener"> = {
    addEventListener(this: AbortSignal, ...args: Parameters<typeof addEventListener>) {
      added++;
      left.set(this, (left.get(this) ?? new Set()).add(args[1]));
      addEventListener.apply(this, args);
    },
    removeEventListener(this: AbortSignal, ...args: Parameters<typeof removeEventListener>) {
      left.get(this)?.delete(args[1]);
      removeEventListener.apply(this, args);
    },
  };
  Object.assign(AbortSignal.prototype, watched);
  try {
    await run();
  } finally {
    for (const name of Object.keys(watched)) Reflect.deleteProperty(AbortSignal.prototype, name);
  }
  return { added, left: Array.from(left.values()).reduce((sum, { size }) => sum + size, 0) };
}

/** Runs something; returns how many of the runtime's own exceptions were made. */
async function exceptionsOf(run: () => Promise<void>): Promise<number> {
  const { DOMException: Kept } = globalThis;
  let made = 0;
  globalThis.DOMException = class extends Kept {
    constructor(...args: ConstructorParameters<typeof Kept>) {
      super(...args);
      made++;
    }
  } as typeof Kept;
  try {
    await run();
  } finally {
    globalThis.DOMException = Kept;
  }
  return made;
}

const app = new TestApp(await open({ contextTokens: 512 }), { shutdown: new AbortController().signal });
const caption = (body: BodyInit) =>
  app.app.request("/caption?max_tokens=2", { method: "POST", body, headers: { "content-type": "image/jpeg" } });
const REQUESTS: Record<string, [status: number, send: () => Response | Promise<Response>]> = {
  "a caption": [200, () => caption(DOGS)],
  "a picture that is none": [400, () => caption("no picture")],
  "a chat": [200, () => app.chat({ messages: [picture()], max_tokens: 2 })],
  "a stream": [200, () => app.chat({ messages: [picture()], max_tokens: 2, stream: true })],
  "a body that is no JSON": [400, () => app.post("/v1/chat/completions", "{")],
};

for (const [name, [status, send]] of Object.entries(REQUESTS)) {
  Deno.test(`no listener stays at a signal after ${name}`, async () => {
    const { added, left } = await listenersOf(async () => {
      const response = await send();
      await response.text();
      assert.equal(response.status, status);
    });
    assert.ok(added > 0, "nothing listened");
    assert.equal(left, 0);
  });
}

for (const [name, [status, send]] of Object.entries(REQUESTS)) {
  Deno.test(`no exception of the runtime's is made by ${name}`, async () => {
    const made = await exceptionsOf(async () => {
      const response = await send();
      await response.text();
      assert.equal(response.status, status);
    });
    assert.equal(made, 0);
  });
}

Deno.test("an answer that is left makes one for its reason", async () => {
  const made = await exceptionsOf(async () => {
    const response = await app.chat({ messages: [picture()], max_tokens: 200, stream: true });
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
  });
  assert.ok(made > 0, "none is counted");
});
