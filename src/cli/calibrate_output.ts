import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Calibration } from "../../sdk/calibrate.ts";
import type { CalibrationFacts } from "../../sdk/calibrate_report.ts";
import { rewriteMetadata } from "../../sdk/gguf/rewrite.ts";
import { divergenceChart } from "../../sdk/lazy/divergence_chart.ts";
import type { LazyPlan } from "../../sdk/lazy/plan.ts";
import { planMetadata, planToJson } from "../../sdk/lazy/plan_format.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { writeWhole } from "./write_file.ts";

/** Writes the page, its numbers, the profile's picture, the best plan, and every plan that was tried, into a folder. */
export async function writeCalibration(
  folder: string,
  calibration: Calibration,
  facts: CalibrationFacts,
  page: string,
): Promise<void> {
  const { profile, rows, best } = calibration;
  const title = `${facts.model}: how attention changes from layer to layer`;
  const chart = divergenceChart(profile, { title, pictures: facts.profilePictures, plan: best.plan });
  const files: [string, string][] = [
    ["calibrate.md", page],
    ["calibrate.json", JSON.stringify({ ...facts, ...calibration }, undefined, 2) + "\n"],
    ["calibrate.svg", chart],
    ["plan.json", planToJson(best.plan)],
  ];
  for (const { planner, plan, lazyLayers } of rows) {
    files.push([`plans/${plan.mode}-${lazyLayers}-${planner.replace(" ", "-")}.json`, planToJson(plan)]);
  }
  await mkdir(join(folder, "plans"), { recursive: true });
  for (const [name, text] of files) await writeFile(join(folder, name), text);
}

/** Writes a copy of a text model that carries a plan. */
export async function writeWithPlan(
  path: string,
  textFile: string,
  plan: LazyPlan,
  signal: AbortSignal,
): Promise<void> {
  const source = fileSource(textFile);
  try {
    await writeWhole(path, rewriteMetadata(source, planMetadata(plan), signal));
  } finally {
    await source.close();
  }
}
