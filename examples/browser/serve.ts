import { join } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css",
  html: "text/html; charset=utf-8",
  jpg: "image/jpeg",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** A request that was answered. */
export interface Served {
  readonly path: string;
  /** Bytes of the answer's body. */
  readonly bytes: number;
}

/** Serves a folder's files on this machine alone, whole or by ranges. Port 0 takes a free one. */
export function serveFolder(
  folder: string,
  port: number,
  onServed: (served: Served) => void = () => {},
): { readonly url: string; close(): Promise<void> } {
  const server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const response = await answer(folder, path, request);
    onServed({ path, bytes: Number(response.headers.get("content-length")) });
    return response;
  });
  return { url: `http://127.0.0.1:${server.addr.port}/`, close: () => server.shutdown() };
}

async function answer(folder: string, path: string, { method, headers }: Request): Promise<Response> {
  if (method !== "GET" && method !== "HEAD") {
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD" } });
  }
  const name = path.endsWith("/") ? `${path}index.html` : path;
  // a URL's path has no ".." left, unless it was encoded
  const file = name.includes("..") ? undefined : await Deno.readFile(join(folder, name)).catch(() => undefined);
  if (!file) return new Response("not found", { status: 404, headers: { "content-length": "9" } });
  const [first, end] = rangeOf(headers.get("range"), file.length);
  const partial = headers.has("range");
  const unsatisfiable = first >= end;
  const body = unsatisfiable ? new Uint8Array() : file.subarray(first, end);
  return new Response(method === "HEAD" ? null : body, {
    status: unsatisfiable ? 416 : partial ? 206 : 200,
    headers: {
      "content-type": TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      "content-length": String(body.length),
      "accept-ranges": "bytes",
      ...partial ? { "content-range": `bytes ${unsatisfiable ? "*" : `${first}-${end - 1}`}/${file.length}` } : {},
    },
  });
}

/** Of one range with a beginning, which is what the SDK asks for; all of the file without one. */
function rangeOf(header: string | null, size: number): [first: number, end: number] {
  if (header === null) return [0, size];
  const match = /^bytes=(\d+)-(\d*)$/.exec(header);
  return match ? [Number(match[1]), Math.min(size, match[2] === "" ? size : Number(match[2]) + 1)] : [0, 0];
}
