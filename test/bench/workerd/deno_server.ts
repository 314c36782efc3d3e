/** The worker's bundle in Deno, in a process of its own. Usage: deno_server.ts JSON, a `Bundle`. Prints its port. */
import type { Bundle } from "./bundle.ts";
import type { createHandler } from "./handler.ts";

const files: Bundle = JSON.parse(Deno.args[0]!);
const compiled = async (path: string) => await WebAssembly.compile(await Deno.readFile(path));
const { createHandler: create }: { createHandler: typeof createHandler } = await import(`file://${files.handler}`);
const handler = create({
  relaxed: await compiled(files.relaxed),
  simd128: await compiled(files.simd128),
  image: await compiled(files.image),
});
Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => void Deno.stdout.writeSync(new TextEncoder().encode(`${port}\n`)),
}, handler);
