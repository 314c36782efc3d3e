import assert from "node:assert/strict";
import { Bell } from "../../sdk/platform/bell.ts";

Deno.test("Bell: one that was rung before is not waited for, once", async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait();
  let over = false;
  const waiting = bell.wait().then(() => over = true);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(over, false);
  bell.ring();
  await waiting;
});

Deno.test("Bell: on Cloudflare whoever waits goes on by a timer of its own, never by what the other settles", async () => {
  const script = `
    Object.defineProperty(navigator, "userAgent", { value: "Cloudflare-Workers" });
    const { Bell } = await import(${JSON.stringify(new URL("../../sdk/platform/bell.ts", import.meta.url).href)});
    let timers = 0;
    const { setTimeout: set } = globalThis;
    globalThis.setTimeout = (run, ms) => set(() => { timers++; run(); }, ms);
    const bell = new Bell();
    const waiting = bell.wait().then(() => timers);
    const before = timers;
    bell.ring();
    await Promise.resolve();
    console.log(before, await waiting);
  `;
  const args = ["eval", "--no-check", script];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
  assert.equal(new TextDecoder().decode(stdout), "0 1\n", new TextDecoder().decode(stderr));
});
