/** The parts of `deno task bench:memory` that need no workerd: it is installed only for the benchmark. */
import assert from "node:assert/strict";
import { fitVerdict } from "../../sdk/inspect.ts";
import { packagedKernels } from "../../sdk/load.ts";
import { createHandler } from "./memory/handler.ts";
import { largePhoto } from "./memory/large_photo.ts";
import { measureGrowth } from "./memory/measure.ts";
import { markdown } from "./memory/report.ts";
import { leastBudget } from "./memory/plans.ts";
import { residentParts } from "./memory/smaps.ts";
import { modelHeaders, SHAPES } from "./generate_model.ts";
import { NANO } from "./model.ts";
import { serveFiles } from "./workerd/file_server.ts";
import type { Runtime } from "./workerd/runtimes.ts";

const PHOTO = await Deno.readFile(new URL("../../examples/photos/chelsea.jpg", import.meta.url));

Deno.test("measureGrowth() loads, asks in a row, floods, and tells bytes over those of the empty process", async () => {
  const image = await WebAssembly.compile(await Deno.readFile(new URL("../../sdk/image/image.wasm", import.meta.url)));
  const handler = createHandler({
    ...{ relaxed: await packagedKernels("relaxed"), simd128: await packagedKernels("simd128"), image },
  });
  let requests = 0;
  const service = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    requests++;
    return handler(request);
  });
  const url = new URL(`http://127.0.0.1:${service.addr.port}/`);
  const early = await fetch(new URL("/health", url));
  assert.deepEqual([early.status, await early.text()], [503, "/load comes first"]);
  const files = serveFiles([NANO.text, NANO.vision]);
  const runtime: Runtime = {
    ...{ name: "here", url, close: () => Promise.resolve(), ask: () => Promise.reject(new Error("not asked")) },
    // grows by a megabyte a request
    memory: () => Promise.resolve({ residentBytes: requests * 1e6, peakBytes: requests * 2e6, addressBytes: 0 }),
    mappings: () => Promise.resolve("1000-2000 r-xp 00000000 00:00 0  /bin/program\nSize: 4 kB\nRss: 3 kB\n"),
  };
  const subject = {
    ...{ name: "nano", text: files.url(NANO.text), vision: files.url(NANO.vision) },
    ...{ budgetBytes: 72 << 20, contextTokens: 256, kv: "f16" as const, requests: 10 },
  };
  const growth = await measureGrowth(runtime, subject, 1e6, PHOTO, largePhoto(2400, 1800));
  assert.deepEqual([growth.weights, growth.visionWeights, growth.contextTokens], ["file", "resident", 256]);
  // the early one and /load, then a caption, ten in a row, ten at once
  assert.deepEqual([growth.loadedBytes, growth.captionBytes, growth.peakBytes], [3e6, 5e6, 45e6]);
  assert.deepEqual(growth.row, { requests: 10, tenthBytes: 3e6, halfBytes: 7e6, allBytes: 12e6 });
  assert.equal(growth.flood["200"]! + growth.flood["429"]!, 10);
  assert.ok(growth.flood["200"]! >= 1 && growth.flood["429"]! >= 1, JSON.stringify(growth.flood));
  await service.shutdown();
  await files.close();

  const page = markdown({ date: "2000-01-01", machine: "m", versions: {}, empty: { here: 1e6 }, growth: [growth] });
  assert.match(page, /^\| peak of all \| 45\.0 MB \|$/m);
  assert.match(page, /^\| within 128\.0 MB \| yes \|$/m);
  const over = markdown({
    ...{ date: "2000-01-01", machine: "m", versions: {}, empty: {} },
    growth: [{ ...growth, peakBytes: 130e6 }],
  });
  assert.match(over, /^\| within 128\.0 MB \| no, 2\.0 MB over \|$/m);
});

Deno.test("residentParts() tells mappings apart by file, permissions and the model's size", () => {
  const mapping = (permissions: string, file: string, sizeKb: number, residentKb: number) =>
    `7f00-7f01 ${permissions} 00000000 00:00 0 ${file}\nSize:   ${sizeKb} kB\nRss:    ${residentKb} kB\nPss: 1 kB\n`;
  const smaps = [
    mapping("r-xp", "                 /usr/bin/workerd", 100, 10),
    mapping("r--p", "                 /usr/lib/libc.so", 50, 5),
    mapping("rwxp", "", 512, 20),
    mapping("rw-p", "", 60_500, 57_000),
    mapping("rw-p", "", 62_000, 7),
    mapping("rw-p", "                 [heap]", 300, 30),
  ].join("");
  assert.deepEqual(residentParts(smaps, 60_000 * 1024), {
    ...{ program: 15 * 1024, code: 20 * 1024, model: 57_000 * 1024, rest: 37 * 1024 },
  });
});

Deno.test("leastBudget() tells the least budget under which a setting is what is loaded", async () => {
  const pair = await modelHeaders(SHAPES.nano, "Q8_0");
  const setting = { weights: "auto", visionWeights: "resident", contextTokens: 256 } as const;
  const bytes = await leastBudget(pair, setting);
  const kernels = await packagedKernels("simd128");
  const under = async (memoryBudget: number) =>
    (await fitVerdict(pair.text, pair.vision, kernels, { ...setting, memoryBudget })).weights;
  assert.deepEqual([await under(bytes), await under(bytes - 65536)], ["file", "q8"]);
});
