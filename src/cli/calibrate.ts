import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import {
  calibrate as calibrateProbe,
  type CalibrationPicture,
  type CalibrationProgress,
  type CalibrationRecord,
  type PlanMeasure,
  PLANNERS,
  type PlanTimes,
} from "../../sdk/calibrate.ts";
import { DEFAULT_PROMPT } from "../../sdk/chat.ts";
import { calibrationPage } from "../../sdk/calibrate_report.ts";
import type { DivergenceProfile } from "../../sdk/lazy/divergence.ts";
import { LAZY_MODES } from "../../sdk/lazy/plan.ts";
import type { Probe } from "../../sdk/probe.ts";
import type { Arguments } from "./args.ts";
import { writeCalibration, writeWithPlan } from "./calibrate_output.ts";
import { readCaptions } from "./dataset.ts";
import { Journal } from "./journal.ts";
import { closeFiles, modelFiles } from "./model.ts";
import { openProbeOf, refuse } from "./probe.ts";
import { note, print } from "./terminal.ts";
import { UsageError } from "./values.ts";
import { isSameFile } from "./write_file.ts";

const DEFAULTS = { heldOut: 32, shares: [0.3, 0.5, 0.7], firstLazyLayer: 2, maxTokens: 26 };

type Result = DivergenceProfile | PlanMeasure | PlanTimes;

/** `calibrate FILE.jsonl FOLDER`: plans for a model, judged on pictures. Returns the exit status. */
export async function calibrate(args: Arguments, signal: AbortSignal): Promise<number> {
  const [lines, folder] = args.operands;
  if (args.operands.length !== 2) throw new UsageError("calibrate takes a file of JSON lines and a folder of pictures");
  refuse(args, "calibrate", [
    "detail",
    "temperature",
    "seed",
    "textTokens",
    "lazy",
    "kv",
    "visualTokens",
    "visionWeights",
  ]);
  const pictures = await chosenPictures(args, lines!, folder!);
  const textFile = await singleTextFile(args);
  const journal = args.journal === undefined ? undefined : new Journal(args.journal, isResult);
  try {
    const probe = await openProbeOf(args, signal);
    const { calibration, page, facts } = await run(probe, args, pictures, journal, textFile, signal);
    if (args.out !== undefined) await writeCalibration(args.out, calibration, facts, page);
    if (args.writeGguf !== undefined) await writeWithPlan(args.writeGguf, textFile, calibration.best.plan, signal);
    print(args.json ? JSON.stringify({ ...facts, ...calibration }) + "\n" : page);
    await probe.close();
    return 0;
  } finally {
    journal?.close();
  }
}

interface Pictures {
  readonly profilePictures: readonly CalibrationPicture[];
  readonly heldOut: readonly CalibrationPicture[];
}

/** The profile's pictures from the beginning of the file, those held out from its end. */
async function chosenPictures(args: Arguments, lines: string, folder: string): Promise<Pictures> {
  const all = (await readCaptions(lines, folder)).map(({ file, path }) => ({ name: file, read: () => readFile(path) }));
  const heldOut = args.heldOut ?? DEFAULTS.heldOut;
  const limit = args.limit ?? all.length - heldOut;
  if (limit < 1 || limit + heldOut > all.length) {
    throw new UsageError(
      `${lines} has ${all.length} pictures: too few for ${
        Math.max(1, limit)
      } of the profile and ${heldOut} held out; ` +
        "lower --limit or --held-out",
    );
  }
  return { profilePictures: all.slice(0, limit), heldOut: all.slice(-heldOut) };
}

/** @throws {UsageError} for a split text model where it is to be written with its plan: told before the work, not after. */
async function singleTextFile(args: Arguments): Promise<string> {
  const files = await modelFiles(args);
  await closeFiles(files);
  const [first, ...more] = files.text.map(({ name }) => name);
  if (args.writeGguf !== undefined && more.length > 0) {
    throw new UsageError(
      `${first} is the first of ${more.length + 1} split files; --write-gguf wants a model in one file`,
    );
  }
  if (args.writeGguf !== undefined && await isSameFile(args.writeGguf, first!)) {
    throw new UsageError(`--write-gguf ${first} is the model itself; name another file`);
  }
  return first!;
}

async function run(
  probe: Probe,
  args: Arguments,
  pictures: Pictures,
  journal: Journal<Result> | undefined,
  textFile: string,
  signal: AbortSignal,
) {
  const question = args.prompt ?? DEFAULT_PROMPT;
  const { maxTokens = DEFAULTS.maxTokens, firstLazyLayer = DEFAULTS.firstLazyLayer } = args;
  const shares = args.shares ?? DEFAULTS.shares;
  const { backend, weights } = probe;
  const model = { text: textFile, vision: args.vision ?? args.model, weights, backend, question };
  const heldOut = pictures.heldOut.map(({ name }) => name);
  const calibration = await calibrateProbe(probe, {
    ...pictures,
    ...{ question, maxTokens, firstLazyLayer, planners: args.planners ?? PLANNERS, signal, onProgress: tell },
    modes: args.mode === undefined || args.mode === "both" ? LAZY_MODES : [args.mode],
    lazyLayers: [...new Set(shares.map((share) => Math.round(share * probe.layers)))],
    ...(journal && {
      profiles: recordIn(journal, JSON.stringify({ ...model, of: "profile" }), isProfile),
      measures: recordIn(journal, JSON.stringify({ ...model, of: "plans", maxTokens, heldOut }), isMeasure),
      times: recordIn(journal, JSON.stringify({ ...model, of: "times", maxTokens, heldOut }), isTimes),
    }),
  });
  const facts = {
    ...{ model: basename(textFile), backend, question },
    ...{ profilePictures: pictures.profilePictures.length, heldOut: heldOut.length },
  };
  return { calibration, facts, page: calibrationPage(calibration, facts, commandOf(args)) };
}

/** What of a journal belongs to one configuration. */
function recordIn<T extends Result>(
  journal: Journal<Result>,
  configuration: string,
  is: (value: unknown) => value is T,
): CalibrationRecord<T> {
  return {
    get: (item) => {
      const result = journal.get(configuration, item);
      return is(result) ? result : undefined;
    },
    add: (item, result) => journal.add({ configuration, item, result }),
  };
}

function tell({ what, item, measure }: CalibrationProgress): void {
  note(measure ? `${item}: KL ${measure.kl.toFixed(4)}` : `${what}: ${item}`);
}

/** The command as somebody would type it, with what the numbers depend on. */
function commandOf(args: Arguments): string {
  const { prompt, limit, heldOut, mode, shares, planners, firstLazyLayer, maxTokens } = args;
  const options = Object.entries({
    ...{ prompt: prompt && JSON.stringify(prompt), limit, "held-out": heldOut, mode, shares, planners },
    ...{ "first-lazy-layer": firstLazyLayer, "max-tokens": maxTokens },
  }).flatMap(([name, value]) => value === undefined ? [] : [`--${name} ${value}`]);
  return ["deno task calibrate", ...args.operands.map((path) => basename(path)), ...options].join(" ");
}

function isResult(value: unknown): value is Result {
  return isProfile(value) || isMeasure(value) || isTimes(value);
}

function isProfile(value: unknown): value is DivergenceProfile {
  const { all, visual } = (value ?? {}) as Partial<DivergenceProfile>;
  return [all, visual].every((list) => Array.isArray(list) && list.every(Number.isFinite));
}

function isMeasure(value: unknown): value is PlanMeasure {
  const { kl, equalShare, kvBytes } = (value ?? {}) as Partial<PlanMeasure>;
  return [kl, equalShare, kvBytes].every(Number.isFinite);
}

function isTimes(value: unknown): value is PlanTimes {
  const { prefillMs, prefillRatio, forcedTokenMs, forcedRatio } = (value ?? {}) as Partial<PlanTimes>;
  return [prefillMs, prefillRatio, forcedTokenMs, forcedRatio].every(Number.isFinite);
}
