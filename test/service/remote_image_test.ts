/** Pictures by URL: allow-list, https, every hop, bytes, time. What `fetch` would answer is given by the test. */
import assert from "node:assert/strict";
import { DOGS, open } from "../sdk/model.ts";
import type { RemoteImageOptions } from "../../src/service/app.ts";
import { errorOf } from "./app.ts";
import { type Answer, dogs, internetOf, PARAM, to } from "./internet.ts";

const captioner = await open();
const DOGS_TEXT = (await captioner.caption(DOGS).result).text.trim();

const internet = (pages: Record<string, Answer>, options: Partial<RemoteImageOptions> = {}) =>
  internetOf(captioner, pages, options);

Deno.test("remote images: one from an allowed host is described; nothing of ours is sent along", async () => {
  const { ask, inits } = internet({ "https://images.example.com/dogs.jpg": dogs });
  const body = await (await ask("https://images.example.com/dogs.jpg")).json();
  assert.equal(body.choices[0].message.content, DOGS_TEXT);
  assert.deepEqual([inits[0]!.redirect, inits[0]!.headers], ["manual", { accept: "image/*" }]);
});

Deno.test("remote images: redirects are followed while every hop is allowed", async () => {
  const { ask, asked } = internet({
    "https://images.example.com/a": to("/b"),
    "https://images.example.com/b": to("https://eu.cdn.example.com/c"),
    "https://eu.cdn.example.com/c": dogs,
  });
  assert.equal((await ask("https://images.example.com/a")).status, 200);
  assert.equal(asked.length, 3);
  const endless = internet({ "https://images.example.com/a": to("/a") });
  const { message } = await errorOf(
    await endless.ask("https://images.example.com/a"),
    400,
    "remote_image_failed",
    PARAM,
  );
  assert.match(message, /more than 3 times/);
  assert.equal(endless.asked.length, 4);
});

Deno.test("remote images: what is not allowed is never asked for, first or after a redirect", async () => {
  const refused = [
    "http://images.example.com/a",
    "https://evil.example.com/a",
    "https://cdn.example.com/a",
    "https://images.example.com.evil.org/a",
    "https://user:secret@images.example.com/a",
    "https://user@images.example.com/a",
    "https://127.0.0.1/a",
    "https://0x7f.1/a",
    "https://2130706433/a",
    "https://localhost/a",
    "https://[::1]/a",
    "https://",
    "https://images.example.com:99999/",
  ];
  for (const url of refused) {
    const direct = internet({});
    await errorOf(await direct.ask(url), 400, "remote_image_refused", PARAM);
    assert.deepEqual(direct.asked, [], url);
    if (!URL.canParse(url)) continue;
    const hop = internet({ "https://images.example.com/hop": to(url) });
    await errorOf(await hop.ask("https://images.example.com/hop"), 400, "remote_image_refused", PARAM);
    assert.equal(hop.asked.length, 1, url);
  }
});

Deno.test("remote images: the runtime's own fetch follows nothing by itself, and its bodies are cut at the limit", async () => {
  const paths: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url }) => {
    const { pathname } = new URL(url);
    paths.push(pathname);
    if (pathname === "/dogs.jpg") return new Response(DOGS);
    if (pathname === "/endless") {
      return new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(9999)) }));
    }
    return Response.redirect(pathname === "/moved" ? new URL("/dogs.jpg", url) : "https://evil.example.org/dogs.jpg");
  });
  // the one thing that is not real: names of the open internet are this server
  const local: RemoteImageOptions["fetch"] = async (url, init) => {
    const response = await fetch(
      url.replace("https://images.example.com", `http://127.0.0.1:${server.addr.port}`),
      init,
    );
    const location = response.headers.get("location")?.replace(/^http:\/\/127[^/]+/, "https://images.example.com");
    return location ? new Response(null, { status: response.status, headers: { location } }) : response;
  };
  const { ask } = internet({}, { fetch: local });
  assert.equal((await ask("https://images.example.com/moved")).status, 200);
  await errorOf(await ask("https://images.example.com/away"), 400, "remote_image_refused", PARAM);
  await errorOf(await ask("https://images.example.com/endless"), 413, "image_too_large", PARAM);
  assert.deepEqual(paths, ["/moved", "/dogs.jpg", "/away", "/endless"]);
  await server.shutdown();
});

Deno.test("remote images: every address of a name must be public, where names can be looked up", async () => {
  const pages = { "https://images.example.com/dogs.jpg": dogs };
  const ask = async (addresses: readonly string[]) => {
    const { ask, asked } = internet(pages, { resolve: () => Promise.resolve(addresses) });
    const { status } = await ask("https://images.example.com/dogs.jpg");
    return [status, asked.length];
  };
  assert.deepEqual(await ask(["93.184.216.34", "2606:4700::1"]), [200, 1]);
  assert.deepEqual(await ask(["93.184.216.34", "10.0.0.1"]), [400, 0]);
  assert.deepEqual(await ask(["::1"]), [400, 0]);
});

Deno.test("remote images: too many bytes, a wrong answer, a broken one and a slow one", async () => {
  const url = "https://images.example.com/x";
  const failures: [Answer, number, string][] = [
    [() => new Response(new Uint8Array(DOGS.length + 1)), 413, "image_too_large"],
    [() => new Response("not here", { status: 404 }), 400, "remote_image_failed"],
    [() => new Response(null, { status: 304 }), 400, "remote_image_failed"],
    [() => Promise.reject(new TypeError("secret internal reason")), 400, "remote_image_failed"],
    [() => new Response("<html>"), 400, "image_invalid"],
    [
      (_, { signal }) =>
        new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason), { once: true })),
      400,
      "remote_image_failed",
    ],
    [() => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })), 400, "remote_image_failed"],
  ];
  for (const [page, status, code] of failures) {
    const { ask } = internet({ [url]: page }, { timeoutMs: 50 });
    const { message } = await errorOf(await ask(url), status, code);
    assert.ok(!message.includes("secret"), message);
  }
});
