/** The same works by each engine, in turns, and how near the results are. */
import { interleave } from "../../measure.ts";
import type { Engine } from "./job.ts";

/** What is measured, of every engine alike. */
export interface Work {
  readonly name: string;
  /** Tiles or tokens of a run. */
  readonly work: number;
  readonly unit: "tiles/s" | "tokens/s";
  /** What has to be done before, once. */
  readonly prepare?: (engine: Engine) => Promise<unknown>;
  readonly run: (engine: Engine) => Promise<Float32Array>;
}

/** One engine's number. */
export interface Measured {
  readonly engine: string;
  readonly perSecond: number;
  /** The first engine's speed over this one's. */
  readonly ratio: number;
  /** Squared distance from the first engine's result, over that one's square. */
  readonly error: number;
}

/** Runs in a row between two waits. */
const TIMES = 4;
const DECODED = 16;

/** A tile; prompts; tokens behind each of them. */
export function worksOf(prompts: readonly number[]): Work[] {
  return [
    { name: "a tile", work: TIMES, unit: "tiles/s", run: (engine) => engine.encode(TIMES) },
    ...prompts.flatMap((rows): Work[] => [
      {
        name: `prefill of ${rows}`,
        work: rows * TIMES,
        unit: "tokens/s",
        run: (engine) => engine.prefill(rows, TIMES),
      },
      ...[false, true].map((wait): Work => ({
        name: `decode after ${rows}, ${wait ? "each token waited for" : "one wait"}`,
        ...{ work: DECODED, unit: "tokens/s" },
        prepare: (engine) => engine.prefill(rows, 1),
        run: (engine) => engine.decode(DECODED, wait),
      })),
    ]),
  ];
}

/**
 * @param engines The first is what the others are compared with.
 * @param leftOut Told of an engine that fails at this work, and why.
 */
export async function compare(
  { work, prepare, run }: Work,
  engines: readonly Engine[],
  rounds: number,
  leftOut: (engine: Engine, error: unknown) => void,
): Promise<Measured[]> {
  const able: { engine: Engine; result: Float32Array }[] = [];
  for (const engine of engines) {
    try {
      await prepare?.(engine);
      able.push({ engine, result: await run(engine) });
    } catch (error) {
      leftOut(engine, error);
    }
  }
  const timings = await interleave(
    able.map(({ engine }) => ({ name: engine.name, work, run: async () => void await run(engine) })),
    rounds,
    1,
  );
  return timings.map(({ name: engine, perSecond }, i) => ({
    ...{ engine, perSecond, ratio: timings[0]!.perSecond / perSecond },
    error: distance(able[0]!.result, able[i]!.result),
  }));
}

/** Squared distance of `b` from `a` over the square of `a`; NaN where there is no number. */
export function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new RangeError(`${b.length} results where there should be ${a.length}`);
  let [difference, square] = [0, 0];
  for (const [i, value] of a.entries()) {
    difference += (value - b[i]!) ** 2;
    square += value ** 2;
  }
  return difference / square;
}
