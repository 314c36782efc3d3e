/** The handler as Node's `(request, response)`, which Vercel, Google Cloud and others take; run by itself it serves it at `PORT`. */
import { createServer } from "node:http";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { getRequestListener } from "@hono/node-server";
import handler from "./handler.ts";

const listener = getRequestListener(handler.fetch);
export default listener;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = createServer(listener).listen(Number(process.env.PORT ?? 8000), () => {
    const address = server.address();
    if (address && typeof address === "object") process.stdout.write(`http://127.0.0.1:${address.port}\n`);
  });
}
