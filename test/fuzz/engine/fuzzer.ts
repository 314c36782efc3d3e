/** The loop: an input that reaches what none before it has reached is kept, and others are made of it. */
import { cpuUsage } from "node:process";
import { Random } from "../../../sdk/generate/random.ts";
import { bytesOf, type Target } from "../target.ts";
import { Mutator } from "./mutate.ts";
import type { Budget, Finding, Outcome, Progress } from "./outcome.ts";

/** How often the loop says where it stands, and the longest that an execution may take. */
const TELL_MS = 1000;
const SLOW_MS = 1000;
const MAX_FINDINGS = 5;
/** How often a branch was taken, as one of eight classes. */
const CLASSES = Uint8Array.from(
  { length: 256 },
  (_, n) => n === 0 ? 0 : n < 4 ? 1 << (n - 1) : n < 8 ? 8 : n < 16 ? 16 : n < 32 ? 32 : n < 128 ? 64 : 128,
);

/**
 * @param edges Counters of the target's branches, empty if it has none.
 * @param constants What the target's source compares with.
 * @param begin Told of each input before it is run.
 */
export async function fuzz(
  target: Target,
  { edges, constants }: { readonly edges: Uint8Array; readonly constants: ReadonlySet<string | number> },
  { seed, runs, seconds }: Budget,
  begin: (input: Uint8Array) => void,
  tell: (progress: Progress) => void,
): Promise<Outcome> {
  const words = [...target.words ?? [], ...constants].flatMap(encodings);
  const mutator = new Mutator(new Random(seed), words, target.maxBytes);
  const coverage = new Coverage(edges);
  const corpus: Uint8Array[] = [];
  const findings = new Map<string, Finding>();
  const [startMs, startCpuSeconds] = [performance.now(), cpuSeconds()];
  let [executions, toldMs] = [0, startMs];
  const progress = (): Progress => ({
    executions,
    cpuSeconds: cpuSeconds() - startCpuSeconds,
    covered: coverage.covered,
    edges: edges.length,
    corpus: corpus.length,
  });

  const attempt = async (input: Uint8Array): Promise<{ what: string | undefined; tookMs: number }> => {
    edges.fill(0);
    const beginMs = performance.now();
    let what: string | undefined;
    try {
      const running = target.run(input);
      if (running instanceof Promise) await running;
    } catch (error) {
      what = error instanceof Error ? error.stack ?? error.message : String(error);
    }
    return { what, tookMs: performance.now() - beginMs };
  };
  const execute = async (input: Uint8Array) => {
    begin(input);
    executions++;
    let { what, tookMs } = await attempt(input);
    // again, for the machine may have had other work meanwhile
    for (let i = 0; i < 2 && what === undefined && tookMs > SLOW_MS; i++) ({ what, tookMs } = await attempt(input));
    if (tookMs > SLOW_MS) what ??= `slow: it took ${tookMs.toFixed(0)} ms, three times`;
    // one of a kind: what a message quotes differs from input to input
    if (what !== undefined) findings.set(kindOf(what), { input: input.slice(), what });
    else if (coverage.grows()) corpus.push(input.slice());
  };

  for (const input of target.seeds) await execute(input);
  if (corpus.length === 0) corpus.push(...target.seeds);
  while (executions < runs && findings.size < MAX_FINDINGS) {
    const nowMs = performance.now();
    if (nowMs - startMs >= seconds * 1000) break;
    if (nowMs - toldMs >= TELL_MS) {
      toldMs = nowMs;
      tell(progress());
    }
    // half of the time one of those that were found last
    const first = mutator.below(2) ? 0 : Math.max(0, corpus.length - 16);
    const input = corpus[first + mutator.below(corpus.length - first)]!;
    await execute(mutator.mutated(input, corpus[mutator.below(corpus.length)]!));
  }
  return { ...progress(), findings: [...findings.values()] };
}

/** Of all threads of the process; one target runs at a time. */
function cpuSeconds(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1e6;
}

/** Where an error was thrown; without a place, its first words. */
function kindOf(what: string): string {
  return /\n\s+at .*/.exec(what)?.[0] ?? what.slice(0, 20);
}

/** A text as it is; a number in digits and in bytes. */
function encodings(constant: string | number): Uint8Array[] {
  if (typeof constant === "string") return constant === "" ? [] : [bytesOf(constant)];
  if (!Number.isInteger(constant) || constant < 256 || constant >= 2 ** 32) return [bytesOf(String(constant))];
  const little = new Uint8Array(Uint32Array.of(constant).buffer);
  return [bytesOf(String(constant)), little, little.toReversed()];
}

/** What was reached so far, by branch and class. */
class Coverage {
  readonly #edges: Uint8Array;
  readonly #seen: Uint8Array;
  /** Eight branches at a time, for most are not taken. */
  readonly #wide: BigUint64Array;
  covered = 0;

  /** @param edges Its length is a multiple of 8. */
  constructor(edges: Uint8Array) {
    this.#edges = edges;
    this.#seen = new Uint8Array(edges.length);
    this.#wide = new BigUint64Array(edges.buffer, edges.byteOffset, edges.length / 8);
  }

  /** Adds what the last execution has reached; true if any of it is new. */
  grows(): boolean {
    let grown = false;
    for (let i = 0; i < this.#wide.length; i++) {
      if (this.#wide[i] === 0n) continue;
      for (let edge = 8 * i; edge < 8 * i + 8; edge++) {
        const [taken, seen] = [CLASSES[this.#edges[edge]!]!, this.#seen[edge]!];
        if ((taken & ~seen) === 0) continue;
        if (seen === 0) this.covered++;
        this.#seen[edge] = seen | taken;
        grown = true;
      }
    }
    return grown;
  }
}
