/** The Rust targets: builds them with libFuzzer, and reads what it prints. */
import { run } from "../../bench/command.ts";
import type { Budget, Finding, Outcome, Progress } from "./outcome.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const CRATE = `${ROOT}rust-kernels/fuzz`;
const FOLDER = `${ROOT}.bench/fuzz`;

/** What `cargo fuzz` gives to rustc (0.13), but for one code unit a crate, which would take three times as long. */
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
];

/** A Rust target: a program, and the inputs that it begins with. */
export interface RustTarget {
  readonly name: string;
  /** Of the crate's programs. */
  readonly program: string;
  readonly maxBytes: number;
  readonly seeds: readonly Uint8Array[];
}

/** Builds the programs. @returns the folder that they are in. */
export async function buildRust(): Promise<string> {
  const rustc = async (...args: string[]) =>
    new TextDecoder().decode((await new Deno.Command("rustc", { args }).output()).stdout).trim();
  const host = /^host: (.+)$/m.exec(await rustc("-vV"))![1]!;
  const libraries = `${await rustc("--print", "sysroot")}/lib/rustlib/${host}/lib`;
  const names = [...Deno.readDirSync(libraries)].map(({ name }) => name);
  // not every distribution brings the address sanitizer
  const sanitizer = names.some((name) => /_rt\.asan\.a$/.test(name)) ? ["-Zsanitizer=address"] : [];
  // --target keeps these flags from what cargo runs while it builds; a stable compiler takes unstable flags when it is asked to
  const args = ["build", "--release", "--locked", "--quiet", "--target", host, "--target-dir", `${CRATE}/target`];
  await run(CRATE, "cargo", args, { RUSTC_BOOTSTRAP: "1", RUSTFLAGS: [...COVERAGE, ...sanitizer].join(" ") });
  return `${CRATE}/target/${host}/release`;
}

/** @param programs The folder that {@link buildRust} gave. */
export async function runRust(programs: string, target: RustTarget, budget: Budget): Promise<Outcome> {
  const [corpus, found] = [`${FOLDER}/corpus/${target.name}`, `${FOLDER}/found/${target.name}`];
  await Deno.remove(found, { recursive: true }).catch(() => {});
  for (const folder of [corpus, found]) await Deno.mkdir(folder, { recursive: true });
  for (const [i, seed] of target.seeds.entries()) await Deno.writeFile(`${corpus}/seed-${i}`, seed);
  const args = [
    `-seed=${budget.seed}`,
    ...(Number.isFinite(budget.runs) ? [`-runs=${budget.runs}`] : []),
    ...(Number.isFinite(budget.seconds) ? [`-max_total_time=${Math.max(1, Math.round(budget.seconds))}`] : []),
    `-max_len=${target.maxBytes}`,
    ...["-timeout=20", "-rss_limit_mb=1024", "-malloc_limit_mb=64", "-print_final_stats=1"],
    `-artifact_prefix=${found}/`,
    corpus,
  ];
  // bash says what the program has used of a processor's time
  const script = '"$0" "$@"; code=$?; times >&2; exit $code';
  const command = ["-c", script, `${programs}/${target.program}`, ...args];
  const { code, stderr } = await new Deno.Command("bash", { args: command, stdout: "null" }).output();
  const text = new TextDecoder().decode(stderr);
  const findings = await readFindings(found, text);
  if (code !== 0 && findings.length === 0) throw new Error(`${target.name}: ${text.slice(-2000)}`);
  return { ...readProgress(text), findings };
}

async function readFindings(folder: string, log: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    // units that are merely slow are written as well
    if (name.startsWith("slow-unit-")) continue;
    const at = log.search(/panicked at|^==\d+== ?ERROR/m);
    findings.push({ input: await Deno.readFile(`${folder}/${name}`), what: log.slice(Math.max(0, at)).slice(0, 3000) });
  }
  return findings;
}

/** What libFuzzer prints of itself, and after it bash's `times`: minutes and seconds, user's and system's, its own and below. */
export function readProgress(log: string): Progress {
  const last = [...log.matchAll(/cov: (\d+) ft: \d+ corp: (\d+)/g)].at(-1);
  const number = (pattern: RegExp) => Number(pattern.exec(log)?.[1] ?? 0);
  const times = [...log.matchAll(/^(\d+)m([\d.]+)s (\d+)m([\d.]+)s$/gm)].at(-1)?.slice(1).map(Number) ?? [];
  const [userMinutes = 0, user = 0, systemMinutes = 0, system = 0] = times;
  return {
    executions: number(/stat::number_of_executed_units: (\d+)/),
    cpuSeconds: 60 * (userMinutes + systemMinutes) + user + system,
    covered: Number(last?.[1] ?? 0),
    edges: number(/\((\d+) inline 8-bit counters\)/),
    corpus: Number(last?.[2] ?? 0),
  };
}
