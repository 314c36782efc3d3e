/**
 * What the kernels reach beside what this engine can reach on this machine, where the time of a caption goes, and how it grows.
 * Usage: deno task bench [--json] [--out DIR] (default docs/bench). With --json the last line printed is one object.
 */
import { parseArgs } from "node:util";
import { bestBuild } from "../../sdk/backend/wasm/build.ts";
import { captionTimes } from "./caption.ts";
import { growth } from "./growth.ts";
import { kernelJobs, kernelRatios } from "./kernels.ts";
import { interleave } from "./measure.ts";
import { NANO } from "./model.ts";
import { profileSmolVlm, profileTile } from "./profile.ts";
import { type BenchReport, chart, machineName, markdown, saveReport } from "./report.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean" }, out: { type: "string" } } });
  if (bestBuild() !== "relaxed") throw new Error("this engine has no relaxed SIMD; there is nothing to compare");
  const scratch = await Deno.makeTempDir({ prefix: "loris-bench-" });
  try {
    const report = await measure(scratch);
    const page = markdown(report);
    await saveReport(values.out, "bench", page, report, chart(report));
    const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
    await print(page);
    if (values.json) await print(JSON.stringify(report));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

async function measure(scratch: string): Promise<BenchReport> {
  const timings = await interleave(await kernelJobs());
  const caption = await captionTimes();
  const smolVlm = await profileSmolVlm(`${scratch}/smolvlm`);
  const profiles = [await profileTile("the embedded model's tile, 224 px", NANO), smolVlm];
  const ratios = {
    ...kernelRatios(timings),
    attention_of_vision: smolVlm.shares.attention!,
    cold_of_warm_and_read: (caption.coldLoadMs + caption.coldCaptionMs) / (caption.totalMs + caption.readFilesMs),
    picture_of_caption: (caption.decodeMs + caption.resizeMs) / caption.totalMs,
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machineName(),
    versions: { deno: Deno.version.deno, v8: Deno.version.v8 },
    ratios,
    results: { timings, caption, profiles, growth: await growth(scratch) },
  };
}

if (import.meta.main) await main();
