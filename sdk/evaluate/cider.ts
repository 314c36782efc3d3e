/**
 * Score of captions: CIDEr-D.
 *
 * @example
 * ```ts
 * import { ciderD } from "loris/evaluate/cider";
 *
 * const captions = ["A dog runs on grass.", "Boats on a lake."];
 * const references = [
 *   ["A dog runs.", "A dog is running."],
 *   ["Two boats on a lake."],
 * ];
 * console.log(ciderD(captions, references));
 * ```
 *
 * @module
 */
import { checkCaptions } from "./check.ts";
import { captionWords, nGramCounts } from "./words.ts";

const MAX_N = 4;
/** Width of the penalty on differing lengths, in words. */
const SIGMA = 6;

/** In how many of `pictures` pictures each n-gram (n = 1 to 4) occurs in at least one reference. */
export interface DocumentFrequency {
  /** In the collection. */
  readonly pictures: number;
  /** By n-gram: its words in lower case, a space between two of them. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Counts the document frequencies of a collection: one list of references for each picture. */
export function documentFrequency(references: readonly (readonly string[])[]): DocumentFrequency {
  const counts = new Map<string, number>();
  for (const list of references) {
    const seen = new Set<string>();
    for (const words of list.map(captionWords)) {
      for (let n = 1; n <= MAX_N; n++) for (const gram of nGramCounts(words, n).keys()) seen.add(gram);
    }
    for (const gram of seen) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return { pictures: references.length, counts };
}

/**
 * CIDEr-D of captions, in percent (the mean similarity x 10 x 100), with n from 1 to 4 and sigma 6.
 *
 * Source: Vedantam et al. 2015, "CIDEr: Consensus-based Image Description Evaluation", section 5 (CIDEr-D), with the
 * natural logarithm and raw counts as term frequencies, as its published code has them.
 *
 * @param candidates One caption for each picture.
 * @param references For each picture, at least one reference.
 * @param options.documentFrequency Of the collection that the pictures come from; of `references`, if not given.
 * @throws {LorisError} `argument_invalid` for none or differing numbers of pictures, or a picture without reference.
 */
export function ciderD(
  candidates: readonly string[],
  references: readonly (readonly string[])[],
  options: { readonly documentFrequency?: DocumentFrequency } = {},
): number {
  checkCaptions(candidates, references);
  const frequency = options.documentFrequency ?? documentFrequency(references);
  let sum = 0;
  for (const [i, candidate] of candidates.entries()) {
    const own = vector(candidate, frequency);
    const list = references[i]!;
    for (const reference of list) sum += similarity(own, vector(reference, frequency)) / list.length;
  }
  return 10 * 100 * sum / candidates.length;
}

/** Weights of a caption's n-grams, for each n, with their Euclidean norm, and the caption's length in words. */
interface CaptionVector {
  readonly words: number;
  readonly grams: readonly { readonly weights: ReadonlyMap<string, number>; readonly norm: number }[];
}

function vector(caption: string, { pictures, counts }: DocumentFrequency): CaptionVector {
  const words = captionWords(caption);
  const grams = Array.from({ length: MAX_N }, (_, i) => {
    const weights = new Map<string, number>();
    let squares = 0;
    for (const [gram, count] of nGramCounts(words, i + 1)) {
      const weight = count * Math.log(pictures / Math.max(1, counts.get(gram) ?? 0));
      weights.set(gram, weight);
      squares += weight * weight;
    }
    return { weights, norm: Math.sqrt(squares) };
  });
  return { words: words.length, grams };
}

/** Mean over n of the clipped cosine, times a Gaussian of the difference in length. */
function similarity(candidate: CaptionVector, reference: CaptionVector): number {
  const difference = candidate.words - reference.words;
  const penalty = Math.exp(-(difference ** 2) / (2 * SIGMA ** 2));
  let sum = 0;
  for (const [i, { weights, norm }] of candidate.grams.entries()) {
    const other = reference.grams[i]!;
    if (norm === 0 || other.norm === 0) continue;
    let product = 0;
    for (const [gram, weight] of weights) {
      const its = other.weights.get(gram) ?? 0;
      product += Math.min(weight, its) * its;
    }
    sum += penalty * product / (norm * other.norm);
  }
  return sum / MAX_N;
}
