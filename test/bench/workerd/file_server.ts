/** Serves files by ranges on this machine's loopback, as an object store does. */
export interface FileServer {
  /** Where a file is served. */
  url(path: string): string;
  close(): Promise<void>;
}

/** @param paths The only files that are served. */
export function serveFiles(paths: readonly string[]): FileServer {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const path = paths[Number(new URL(request.url).pathname.slice(1))];
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.get("range") ?? "");
    if (path === undefined || !range) return new Response(null, { status: 404 });
    const [first, last] = [Number(range[1]), Number(range[2])];
    const file = await Deno.open(path);
    const { size } = await file.stat();
    await file.seek(first, Deno.SeekMode.Start);
    const length = Math.min(last, size - 1) - first + 1;
    return new Response(file.readable.pipeThrough(firstBytes(length)), {
      status: 206,
      headers: {
        ...{ "content-range": `bytes ${first}-${first + length - 1}/${size}`, "content-length": String(length) },
        "content-type": "application/octet-stream",
      },
    });
  });
  return {
    url: (path) => `http://127.0.0.1:${server.addr.port}/${paths.indexOf(path)}`,
    close: () => server.shutdown(),
  };
}

function firstBytes(length: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let left = length;
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left === 0) controller.terminate();
    },
  });
}
