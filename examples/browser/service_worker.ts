/** Keeps the page's own files, so that it opens without a network. The model's parts are kept by weights.ts. */
import { sha256Hex } from "../../sdk/platform/digest.ts";

/** By the build: the page's files, relative to it, with their SHA-256, and a digest of this list. */
declare const FILES: Readonly<Record<string, string>>;
declare const VERSION: string;

/** The little of a service worker that is used; its types do not go together with a page's. */
interface Lifetime extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const PREFIX = "loris-example-page ";
const scope = new URL("./", location.href);

addEventListener("install", (event) => (event as Lifetime).waitUntil(keepAll()));
addEventListener("activate", (event) => (event as Lifetime).waitUntil(forgetOthers()));
addEventListener("fetch", (event) => {
  const fetching = event as Fetching;
  const { request } = fetching;
  const url = new URL(request.url);
  const file = `./${url.pathname.slice(scope.pathname.length)}`;
  const ours = request.method === "GET" && url.href.startsWith(scope.href) && file in FILES;
  if (ours) fetching.respondWith(kept(file, request));
});

/** All of one version or none: a file that changed on the server meanwhile fails the installation, and the next visit tries again. */
async function keepAll(): Promise<void> {
  const cache = await caches.open(PREFIX + VERSION);
  await Promise.all(
    Object.entries(FILES).map(async ([file, sha256]) => {
      const response = await fetch(new URL(file, scope), { cache: "no-cache" });
      const bytes = new Uint8Array(await response.arrayBuffer());
      const digest = await sha256Hex(bytes);
      if (!response.ok || digest !== sha256) throw new Error(`${file}: status ${response.status}, digest ${digest}`);
      // made anew: a redirected answer may not be given to a navigation
      const headers = { "content-type": response.headers.get("content-type") ?? "application/octet-stream" };
      await cache.put(new URL(file, scope).href, new Response(bytes, { headers }));
    }),
  );
}

async function forgetOthers(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== PREFIX + VERSION) await caches.delete(name);
  }
}

async function kept(file: string, request: Request): Promise<Response> {
  const cache = await caches.open(PREFIX + VERSION);
  return await cache.match(new URL(file, scope).href) ?? await fetch(request);
}
