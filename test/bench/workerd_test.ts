/** The parts of `deno task bench:workerd` that need no workerd: it is installed only for the benchmark. */
import assert from "node:assert/strict";
import { packagedKernels } from "../../sdk/load.ts";
import { httpSource } from "../../sdk/sources/http.ts";
import { NANO } from "./model.ts";
import { serveFiles } from "./workerd/file_server.ts";
import { type Answers, createHandler } from "./workerd/handler.ts";
import { linearMs } from "./workerd/linear.ts";
import { markdown, workerdRatios } from "./workerd/report.ts";
import { processMemory } from "./workerd/runtimes.ts";
import { checkClock, type Stages, stagesOf } from "./workerd/stages.ts";

const PHOTO = new URL("../../examples/photos/chelsea.jpg", import.meta.url);

Deno.test("serveFiles() serves exactly the asked bytes, and only the files that it was given", async () => {
  const server = serveFiles([PHOTO.pathname]);
  const whole = await Deno.readFile(PHOTO);
  const source = httpSource(server.url(PHOTO.pathname));
  assert.equal(await source.size(), whole.length);
  assert.deepEqual(await source.read(1000, 20_000), whole.slice(1000, 21_000));
  assert.deepEqual(await source.read(whole.length - 3, 3), whole.slice(-3));
  const other = await fetch(server.url("/etc/hostname"), { headers: { range: "bytes=0-1" } });
  assert.equal(other.status, 404);
  await other.body?.cancel();
  await server.close();
});

Deno.test("createHandler() loads, captions and measures; what fails is an answer with the reason", async () => {
  const image = await WebAssembly.compile(await Deno.readFile(new URL("../../sdk/image/image.wasm", import.meta.url)));
  const [relaxed, simd128] = [await packagedKernels("relaxed"), await packagedKernels("simd128")];
  const handler = createHandler({ relaxed, simd128, image });
  const photo = await Deno.readFile(PHOTO);
  const post = (path: string) => handler(new Request(`http://worker${path}`, { method: "POST", body: photo }));
  const ask = async <P extends keyof Answers>(path: P, query = ""): Promise<Answers[P]> => {
    const response = await post(path + query);
    assert.equal(response.status, 200, response.status === 200 ? "" : await response.text());
    return await response.json();
  };
  const early = await post("/caption");
  assert.equal(early.status, 500);
  assert.match(await early.text(), /\/load comes first/);
  assert.equal((await post("/nothing")).status, 404);

  const server = serveFiles([NANO.text, NANO.vision]);
  const { backend, memory } = await ask("/load", `?text=${server.url(NANO.text)}&vision=${server.url(NANO.vision)}`);
  await server.close();
  assert.match(backend, /^wasm-(relaxed|simd128)$/);
  assert.ok(memory.weightsBytes > 40e6);
  const { text, timings } = await ask("/caption");
  assert.match(text, /[A-Z][a-z]*( [a-z]+){3,}/);
  assert.ok(timings.visionMs > 0 && timings.prefillMs > 0);
  const { decodeMs, decodeAndResizeMs } = await ask("/picture", "?times=1");
  assert.ok(decodeMs > 0 && decodeAndResizeMs > 0);
  assert.equal((await ask("/linear", "?rows=2&times=1")).operations, 2 * 2 * 3072 * 768);
  assert.ok((await ask("/spin", "?rounds=1000000")).ms > 0);
});

Deno.test("linearMs() refuses rows that its memory does not hold", async () => {
  await assert.rejects(linearMs(await packagedKernels("simd128"), "simd128", 4096, 1), RangeError);
});

Deno.test("checkClock() refuses a runtime whose clock stands still while it computes", async () => {
  const runtime = (tells: (passedMs: number) => number) => ({
    name: "a worker",
    // deno-lint-ignore no-explicit-any -- every path has an answer of its own type
    ask: async (): Promise<any> => {
      const started = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ms: tells(performance.now() - started) };
    },
  });
  await checkClock(runtime((passed) => Math.floor(passed)));
  await assert.rejects(checkClock(runtime(() => 0)), /a worker's clock went on by 0 ms/);
});

Deno.test("stagesOf() splits the picture's time by its parts measured alone, and leaves the rest of the whole", () => {
  const timings = { decodeImageMs: 20, visionMs: 170, prefillMs: 80, perTokenMs: 5 };
  const stages = stagesOf(335, timings, 12, { decodeMs: 9, decodeAndResizeMs: 15 });
  assert.deepEqual([stages.decodeMs, stages.resizeMs, stages.restMs], [12, 8, 5]);
  // noise may make the part take longer than the whole
  assert.equal(stagesOf(335, timings, 12, { decodeMs: 16, decodeAndResizeMs: 15 }).resizeMs, 0);
});

Deno.test("processMemory() reads bytes out of /proc/PID/status, and is undefined where there is none", () => {
  const status = "Name:\tworkerd\nVmPeak:\t 9000 kB\nVmSize:\t    8000 kB\nVmHWM:\t    1024 kB\nVmRSS:\t     512 kB\n";
  assert.deepEqual(processMemory(status), { residentBytes: 1 << 19, peakBytes: 1 << 20, addressBytes: 8_192_000 });
  assert.equal(processMemory(""), undefined);
});

Deno.test("workerdRatios() and markdown() show shares, and what is outside the networks", () => {
  const deno: Stages = {
    ...{
      runtime: "Deno",
      backend: "wasm-relaxed",
      loadMs: 180,
      firstCaptionMs: 400,
      steps: 12,
      totalMs: 300,
      restMs: 4,
    },
    ...{
      decodeMs: 10,
      resizeMs: 6,
      visionMs: 150,
      prefillMs: 70,
      perTokenMs: 5,
      linear: [{ rows: 256, perSecond: 1e11 }],
    },
    addressBytesOfMemory: 2 ** 33,
  };
  const workerd: Stages = {
    ...{ ...deno, runtime: "workerd", totalMs: 330, restMs: 33, addressBytesOfMemory: 2 ** 25 },
    ...{ linear: [{ rows: 256, perSecond: 9e10 }], peakBytes: 100 * 2 ** 20 },
  };
  const ratios = workerdRatios(workerd, deno);
  assert.ok(Math.abs(ratios.caption_time_workerd_over_deno! - 1.1) < 1e-12);
  assert.ok(Math.abs(ratios.linear_q4_m256_speed_workerd_over_deno! - 0.9) < 1e-12);
  assert.ok(Math.abs(ratios.largest_share_outside_networks_workerd! - 0.1) < 1e-12);
  const page = markdown({ date: "2000-01-01", machine: "m", versions: {}, ratios, results: [workerd, deno] });
  assert.match(page, /^\| template, tokenizer, HTTP \| 33\.0 \(10 %\) \| 4\.0 \(1 %\) \|$/m);
  assert.match(page, /^\| memory's bounds are checked \| by every load and store \| by guard pages \|$/m);
  assert.match(page, /^\| process, peak resident \| 100 MiB \| not told here \|$/m);
});
