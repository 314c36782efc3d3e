/** How a GPU follows the CPU's greedy answers: what each would say next, token by token of the same answer. */
import type { EncodedPicture, Prepared, Probe } from "../../../sdk/probe.ts";

/** What is compared. */
export interface Sides {
  readonly cpu: Probe;
  readonly gpu: Probe;
  /** The CPU with f32 activations throughout: how far the CPU is off by its own rounding. Asked for where the two disagree. */
  readonly reference: () => Promise<Probe>;
}

export interface AgreementOptions {
  /** Of each picture's answer. */
  readonly maxTokens: number;
  /** True: answers go on after their end. */
  readonly ignoreEnd?: boolean;
  /** "cpu": the GPU is given the CPU's image tokens, where its own would take too long. */
  readonly vision?: "gpu" | "cpu";
  /** Image tokens that go on to the decoder; all, if left out. */
  readonly visualTokens?: number;
  /** Called after each picture. */
  readonly onPicture?: (sum: Agreement) => void;
}

/** Over the tokens of all answers. */
export interface Agreement {
  readonly pictures: number;
  readonly tokens: number;
  /** Tokens at which both like the same one best. */
  readonly equal: number;
  /** Of the others those that the CPU does not decide: its best two logits are no farther apart than it is off itself. */
  readonly undecided: number;
  /** Of any logit, in parts of the spread of the CPU's logits at that token. */
  readonly largestDifference: number;
  /** Of the image tokens: squared differences beside the squares. 0 where the GPU was given the CPU's. */
  readonly imageError: number;
}

const QUESTION = "Describe this image.";

/** Compares both on some pictures. @throws {LorisError} as a probe. */
export async function agreementOn(
  { cpu, gpu, reference }: Sides,
  pictures: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { maxTokens, ignoreEnd = false, vision = "gpu", visualTokens, onPicture }: AgreementOptions,
): Promise<Agreement> {
  const setting = { lazy: cpu.plan("off"), visualTokens };
  let sum: Agreement = { pictures: 0, tokens: 0, equal: 0, undecided: 0, largestDifference: 0, imageError: 0 };
  for await (const picture of pictures) {
    const onCpu = await cpu.prepare(picture, QUESTION);
    const onGpu = vision === "cpu" ? onCpu : await gpu.prepare(picture, QUESTION);
    const { ids } = await cpu.answer(onCpu, setting, { maxTokens, ignoreEnd });
    const want = (await cpu.forced(onCpu, setting, ids)).logits;
    const got = (await gpu.forced(onGpu, setting, ids)).logits;
    const differing = want.flatMap((logits, i) => largest(logits) === largest(got[i]!) ? [] : [i]);
    const undecided = await countUndecided(differing, async () => {
      const other = await reference();
      const prepared: Prepared = vision === "cpu" ? onCpu : await other.prepare(picture, QUESTION);
      return { want, exact: (await other.forced(prepared, setting, ids)).logits };
    });
    sum = {
      pictures: sum.pictures + 1,
      tokens: sum.tokens + ids.length,
      equal: sum.equal + ids.length - differing.length,
      undecided: sum.undecided + undecided,
      largestDifference: Math.max(sum.largestDifference, ...want.map((logits, i) => difference(logits, got[i]!))),
      imageError: Math.max(sum.imageError, imageError(onCpu.picture, onGpu.picture)),
    };
    onPicture?.(sum);
  }
  return sum;
}

/** Share of tokens at which both like the same one best. */
export function equalShare({ equal, tokens }: Agreement): number {
  return equal / tokens;
}

/** The same of the tokens that the CPU decides. */
export function decidedShare({ equal, tokens, undecided }: Agreement): number {
  return equal / (tokens - undecided);
}

async function countUndecided(
  places: readonly number[],
  measure: () => Promise<{ want: readonly Float32Array[]; exact: readonly Float32Array[] }>,
): Promise<number> {
  if (places.length === 0) return 0;
  const { want, exact } = await measure();
  return places.filter((i) => isUndecided(want[i]!, exact[i]!)).length;
}

/** True if the best two logits are no farther apart than any logit is from what it is without rounding. */
export function isUndecided(logits: Float32Array, exact: Float32Array): boolean {
  const best = largest(logits);
  let [second, error] = [-Infinity, 0];
  for (const [id, logit] of logits.entries()) {
    if (id !== best) second = Math.max(second, logit);
    error = Math.max(error, Math.abs(logit - exact[id]!));
  }
  return logits[best]! - second <= error;
}

/** The first of the largest. */
export function largest(logits: Float32Array): number {
  return logits.reduce((best, logit, id) => logit > logits[best]! ? id : best, 0);
}

/** Largest difference of a logit, in parts of the spread of what is wanted; no number if a logit is none. */
export function difference(want: Float32Array, got: Float32Array): number {
  let [least, most, off] = [Infinity, -Infinity, 0];
  for (const [id, logit] of want.entries()) {
    least = Math.min(least, logit);
    most = Math.max(most, logit);
    off = Math.max(off, Math.abs(logit - got[id]!));
  }
  return off / (most - least);
}

function imageError({ rows: want }: EncodedPicture, { rows: got }: EncodedPicture): number {
  let [off, power] = [0, 0];
  for (const [i, value] of want.entries()) {
    off += (got[i]! - value) ** 2;
    power += value ** 2;
  }
  return off / power;
}
