import assert from "node:assert/strict";
import { barChart } from "./chart.ts";
import { ceilings } from "./ceilings.ts";
import { kernelJobs, kernelRatios } from "./kernels.ts";
import { interleave, median } from "./measure.ts";
import { compareText } from "./peers/compare.ts";
import { ratiosOf } from "./peers/ratios.ts";
import { tileMs } from "./peers/wllama.ts";
import { timed } from "./profile.ts";
import type { Backend } from "../../sdk/backend/backend.ts";

Deno.test("median() is the middle value whatever the order", () => {
  assert.equal(median([5, 1, 9, 3, 7]), 5);
  assert.equal(median([5, 1]), 5);
});

Deno.test("interleave() runs the jobs in turn and divides work by the median", async () => {
  const order: string[] = [];
  const job = (name: string, ms: number) => ({
    ...{ name, work: 10 },
    run: () => {
      order.push(name);
      const until = performance.now() + ms;
      while (performance.now() < until);
    },
  });
  const timings = await interleave([job("a", 3), job("b", 3)], 3, 1);
  // two rounds to warm up, job by job, then three in turn
  assert.equal(order.slice(-6).join(""), "ababab");
  for (const t of timings) assert.equal(t.perSecond, t.work / t.ms * 1000);
});

Deno.test("ceilings() are modules that the engine accepts and runs", async () => {
  for (const job of ceilings()) {
    assert.ok(job.work > 0, job.name);
    await job.run();
  }
});

Deno.test("kernelJobs() has room for all of its jobs, which run", async () => {
  for (const job of await kernelJobs()) {
    assert.ok(job.work > 0, job.name);
    await job.run();
  }
});

Deno.test("kernelRatios() sets the slower layer against the bare dots and against the scaled ones", () => {
  const speeds: Record<string, number> = { "i8 relaxed dot": 200, "i8 relaxed dot, scaled by blocks of 32": 160 };
  for (const rows of [64, 256, 1024]) {
    for (const format of ["q4", "q8"]) {
      speeds[`smollm2 ${format}, M = ${rows}`] = format === "q4" ? 120 : 100;
      speeds[`vit_b ${format}, M = ${rows}`] = format === "q4" ? 80 : 140;
    }
  }
  const others = [
    ...["decode: 30 layers' weights", "read, as many bytes", "smollm2 q4 by simd128, M = 256"],
    ...["attention, 256 patches", "f32 mul + add"],
  ];
  for (const name of others) speeds[name] = 1;
  const timings = Object.entries(speeds).map(([name, perSecond]) => ({
    name,
    perSecond,
    work: 1,
    ms: 1000 / perSecond,
  }));
  const ratios = kernelRatios(timings);
  const close = (name: string, wanted: number) => assert.ok(Math.abs(ratios[name]! - wanted) < 1e-12, name);
  close("linear_q4_m256_of_ceiling", 0.4);
  close("linear_q4_m256_of_scaled_ceiling", 0.5);
  close("linear_q8_m256_of_ceiling", 0.5);
  close("linear_q8_m256_of_scaled_ceiling", 0.625);
});

Deno.test("timed() adds up the time of each operation and passes on arguments and results", () => {
  const ms = new Map<string, number>();
  const backend = timed({ name: "x", activationRowBytes: (width: number) => width * 2 } as unknown as Backend, ms);
  assert.equal(backend.name, "x");
  assert.equal(backend.activationRowBytes(21), 42);
  assert.deepEqual([...ms.keys()], ["activationRowBytes"]);
});

Deno.test("tileMs() leaves what remains of a prompt when all its tokens are paid", () => {
  const lines = [1, 2].flatMap(() => [
    "decoding image batch 1/1, n_tokens_batch = 49",
    "image decoded (batch 1/1) in 490 ms",
  ]);
  // 128 tokens of 10 ms each, two tiles
  assert.equal(tileMs({ prompt_n: 128, prompt_ms: 13280 }, lines), 6000);
  assert.throws(() => tileMs({ prompt_n: 128, prompt_ms: 13280 }, []), /does not tell/);
});

Deno.test("ratiosOf() compares what both engines did, and leaves out what one of them did not", () => {
  const measured = (what: string, engine: string, value: number) => ({
    what,
    engine,
    value,
    unit: "tokens/s" as const,
  });
  const ratios = ratiosOf([
    measured("Q4_1, prompt of 512", "loris", 300),
    measured("Q4_1, prompt of 512", "wllama", 20),
    measured("Q4_1, decode after 64", "loris", 60),
    measured("Q8_0, decode after 64", "loris", 40),
    measured("Q8_0, decode after 64", "llama.cpp native", 50),
  ]);
  assert.deepEqual(ratios, [
    { name: "prompt_512_over_wllama", value: 15, target: 15 },
    { name: "decode_after_64_q8_0_over_llama_cpp", value: 0.8 },
  ]);
});

Deno.test("compareText() lets engines take turns, as many as each has, and gives medians", async () => {
  const calls: string[] = [];
  const engine = (name: string) => ({
    name,
    answer: (tokens: number, _: number, seed: number) => {
      calls.push(`${name} ${tokens}`);
      // the warm-up has seed 1, rounds count from 100 for each token of the prompt
      return Promise.resolve({ prompt: [7, 1, 4][seed - 100 * tokens] ?? 1000, decode: tokens });
    },
    close: () => Promise.resolve(),
  });
  const measured = await compareText("Q8_0", [engine("a"), engine("b")], ({ name }) => name === "a" ? 3 : 1);
  const turns = (tokens: number) => ["a", "b", "a", "a"].map((name) => `${name} ${tokens}`);
  assert.deepEqual(calls, ["a 64", "b 64", ...turns(64), ...turns(512)]);
  assert.deepEqual(measured.map((m) => [m.what, m.engine, m.value]), [
    ...[["Q8_0, prompt of 64", "a", 4], ["Q8_0, decode after 64", "a", 64]],
    ...[["Q8_0, prompt of 64", "b", 7], ["Q8_0, decode after 64", "b", 64]],
    ...[["Q8_0, prompt of 512", "a", 4], ["Q8_0, decode after 512", "a", 512]],
    ...[["Q8_0, prompt of 512", "b", 7], ["Q8_0, decode after 512", "b", 512]],
  ]);
});

Deno.test("barChart() draws bars to scale and writes names as text", () => {
  const picture = barChart("a < b & c", [{ name: "x", value: 1, outline: 2, label: "half" }]);
  const widths = [...picture.matchAll(/class="(bar|outline)"[^>]*width="([\d.]+)"/g)].map((m) => Number(m[2]));
  assert.equal(widths[1], 2 * widths[0]!);
  assert.ok(picture.includes("a &lt; b &amp; c") && !picture.includes("a < b"));
});
