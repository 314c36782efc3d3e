/**
 * What Lazy Attention and its partners save in memory and time: the embedded model, and SmolVLM-256M's shape with seeded weights.
 * Usage: deno task bench:lazy [--json] [--out DIR] [--rounds N] [--only shares,throughput,off] [--models nano,smolvlm]
 *   [--clock wall|cpu] [--mend]
 * --mend keeps the tables of the report that is there, as far as this run does not measure them.
 * With --json the last line printed is one object.
 */
import { parseArgs } from "node:util";
import { densePlan, LAZY_MODES, lazyLayers, type LazyMode, type LazyPlan } from "../../../sdk/lazy/plan.ts";
import { planFromMetadata } from "../../../sdk/lazy/plan_format.ts";
import { generateModel, SHAPES } from "../generate_model.ts";
import { NANO, type PairPaths } from "../model.ts";
import { BENCH_FOLDER, machineName, saveReport } from "../report.ts";
import { type Clock, clockName, CLOCKS } from "./clock.ts";
import { encodeTimes } from "./encode.ts";
import { Lab } from "./lab.ts";
import { measureNoLazy } from "./no_lazy.ts";
import { sharePlan, SHARES } from "./plans.ts";
import { promptPieces, visualPositions } from "./prompt.ts";
import { chart, type LazyReport, markdown, mended } from "./report.ts";
import { measureShares, type NamedPlan, type ShareTable } from "./shares.ts";
import { combinationsOf, keptTokens, measureThroughput, type ThroughputTable } from "./throughput.ts";

const MIB = 2 ** 20;
/** Answers of a caption, and long ones. */
const ANSWERS = [26, 128];

/** A model, its prompts, and the budget for the last of them: one in which the dense model has few conversations. */
interface Subject {
  readonly name: string;
  readonly title: string;
  readonly tiles: readonly number[];
  readonly budgetBytes: number;
}

const SUBJECTS: readonly Subject[] = [
  { name: "nano", title: "nano", tiles: [1], budgetBytes: 64 * MIB },
  { name: "smolvlm", title: "SmolVLM-256M", tiles: [1, 17], budgetBytes: 256 * MIB },
];

const print = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
/** Progress; standard output is the result's. */
const say = (line: string) => void Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ json: { type: "boolean" }, out: { type: "string" }, rounds: { type: "string", default: "5" } },
      ...{ only: { type: "string" }, models: { type: "string" } },
      ...{ clock: { type: "string", default: "wall" }, mend: { type: "boolean", default: false } },
    },
  });
  const parts = listed(values.only, ["shares", "throughput", "off"], "--only");
  const models = listed(values.models, SUBJECTS.map(({ name }) => name), "--models");
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new RangeError(`--rounds is ${values.rounds}, wanted is 1 or more`);
  }
  const clock = CLOCKS[clockName(values.clock)];
  const old = values.mend ? await reportIn(values.out) : undefined;
  const scratch = await Deno.makeTempDir({ prefix: "loris-lazy-" });
  try {
    const [shares, throughput]: [ShareTable[], ThroughputTable[]] = [[], []];
    for (const subject of SUBJECTS.filter(({ name }) => models.includes(name))) {
      if (!parts.includes("shares") && !parts.includes("throughput")) break;
      const paths = subject.name === "nano" ? NANO : await generateModel(scratch, SHAPES.smolvlm_256m, "Q4_0");
      const lab = await openLab(subject, paths, clock);
      if (parts.includes("shares")) shares.push(...await sharesOf(lab, subject, rounds));
      if (parts.includes("throughput")) throughput.push(await throughputOf(lab, paths, subject, rounds));
    }
    say("a plan without lazy layers");
    const noLazy = parts.includes("off")
      ? await measureNoLazy(NANO, visualPositions(1, 64).length, 60 * rounds, clock)
      : [];
    const measured: LazyReport = {
      ...{ date: new Date().toISOString().slice(0, 10), machine: machineName(), clock: clockName(values.clock) },
      ...{ versions: { deno: Deno.version.deno, v8: Deno.version.v8 }, shares, throughput, noLazy },
    };
    const report = old === undefined ? measured : mended(old, measured);
    const page = markdown(report);
    await saveReport(values.out, "lazy", page, report, chart(report));
    await print(page);
    if (values.json) await print(JSON.stringify(report));
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** The report that an earlier run wrote. */
async function reportIn(folder: string | undefined): Promise<LazyReport> {
  return JSON.parse(await Deno.readTextFile(`${folder ?? BENCH_FOLDER}/lazy.json`));
}

/** The names of a list, all if there is none. */
function listed(value: string | undefined, known: readonly string[], option: string): readonly string[] {
  const names = value?.split(",") ?? known;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong === undefined) return names;
  throw new RangeError(`${option} has "${wrong}", it may have ${known.join(", ")}`);
}

async function openLab({ title, tiles, budgetBytes }: Subject, paths: PairPaths, clock: Clock): Promise<Lab> {
  say(`${title}: loading`);
  const most = visualPositions(Math.max(...tiles), 64).length + Math.max(...ANSWERS);
  // no batch has more than the budget, but for its rows in flight
  return await Lab.open(paths, most, budgetBytes + MIB, clock);
}

/** Dense, and both modes by share of lazy layers; the model's own plan last of its mode. */
function plansOf(lab: Lab): NamedPlan[] {
  const { layers } = lab.config;
  const own = planFromMetadata(lab.text.metadata, layers);
  const name = (lazy: LazyPlan) => `${lazy.mode} ${Math.round(100 * lazyLayers(lazy).length / layers)} %`;
  return [
    { name: "dense", lazy: densePlan(layers) },
    ...LAZY_MODES.flatMap((mode) => [
      ...SHARES.map((share) => sharePlan(layers, share, mode)).map((lazy) => ({ name: name(lazy), lazy })),
      ...(own ? [{ ...own, mode }] : []).map((lazy) => ({ name: `${name(lazy)} (own plan)`, lazy })),
    ]),
  ];
}

async function sharesOf(lab: Lab, { title, tiles }: Subject, rounds: number): Promise<ShareTable[]> {
  const tables: ShareTable[] = [];
  const tokens = await lab.imageTokens();
  for (const count of tiles) {
    say(`${title}: shares of lazy layers, ${count} tiles`);
    const prompt = promptPieces(count, lab.config.vocabulary, keptTokens(tokens, lab.tileTokens, lab.tileTokens));
    tables.push(await measureShares(lab, { what: title, tiles: count, prompt, plans: plansOf(lab), rounds }));
  }
  return tables;
}

async function throughputOf(
  lab: Lab,
  paths: PairPaths,
  { title, tiles, budgetBytes }: Subject,
  rounds: number,
): Promise<ThroughputTable> {
  say(`${title}: throughput`);
  const plans = plansOf(lab);
  const last = (mode: LazyMode) => plans.findLast(({ name }) => name.startsWith(mode))!;
  return await measureThroughput(lab, {
    ...{ what: title, tiles: tiles.at(-1)!, budgetBytes, answers: ANSWERS, rounds },
    combinations: combinationsOf([plans[0]!, ...LAZY_MODES.map(last)], lab.tileTokens),
    ...{ tokens: await lab.imageTokens(), ...await encodeTimes(paths, rounds, lab.clock) },
  });
}

if (import.meta.main) await main();
