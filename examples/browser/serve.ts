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
  const open = new AbortController();
  const options = { hostname: "127.0.0.1", port, signal: open.signal, onListen() {} };
  const server = Deno.serve(options, async (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const response = await answer(folder, path, request);
    onServed({ path, bytes: Number(response.headers.get("content-length")) });
    return response;
  });
  const close = () => {
    // browsers keep connections open for minutes, which a shutdown in good order would wait for
    open.abort();
    return server.finished;
  };
  return { url: `http://127.0.0.1:${server.addr.port}/`, close };
}

async function answer(folder: string, path: string, { method, headers }: Request): Promise<Response> {
  if (method !== "GET" && method !== "HEAD") return refusal(405, { allow: "GET, HEAD" });
  const name = path.endsWith("/") ? `${path}index.html` : path;
  // a URL's path has no ".." left, unless it was encoded
  const file = name.includes("..") ? undefined : await Deno.open(join(folder, name)).catch(() => undefined);
  if (!file) return refusal(404);
  const { size, isFile } = await file.stat();
  const [first, end] = rangeOf(headers.get("range"), size);
  if (!isFile || first >= end || method === "HEAD") file.close();
  if (!isFile) return refusal(404);
  if (first >= end) return refusal(416, { "content-range": `bytes */${size}` });
  return new Response(method === "HEAD" ? null : await part(file, first, end), {
    status: headers.has("range") ? 206 : 200,
    headers: {
      "content-type": TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream",
      "content-length": String(end - first),
      "accept-ranges": "bytes",
      ...headers.has("range") ? { "content-range": `bytes ${first}-${end - 1}/${size}` } : {},
    },
  });
}

function refusal(status: number, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { "content-length": "0", ...headers } });
}

async function part(file: Deno.FsFile, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  using _ = file;
  const bytes = new Uint8Array(end - first);
  await file.seek(first, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const read = await file.read(bytes.subarray(filled));
    if (read === null) throw new Error(`a file became shorter while it was served`);
    filled += read;
  }
  return bytes;
}

/** Of one range with a beginning, which is what the SDK asks for; all of the file without one. */
function rangeOf(header: string | null, size: number): [first: number, end: number] {
  if (header === null) return [0, size];
  const match = /^bytes=(\d+)-(\d*)$/.exec(header);
  return match ? [Number(match[1]), Math.min(size, match[2] === "" ? size : Number(match[2]) + 1)] : [0, 0];
}
