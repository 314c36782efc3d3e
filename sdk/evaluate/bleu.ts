/**
 * Score of captions: BLEU-4.
 *
 * @module
 */
import { checkCaptions } from "./check.ts";
import { captionWords, nGramCounts } from "./words.ts";

const MAX_N = 4;

/**
 * Corpus BLEU-4 of captions, in percent: the geometric mean of the clipped precisions of 1 to 4 words, counted over all
 * captions together and not smoothed, times the brevity penalty against the references nearest in length (of two, the
 * shorter).
 *
 * Source: Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine Translation".
 *
 * @param candidates One caption for each picture.
 * @param references For each picture, at least one reference.
 * @throws {LorisError} `argument_invalid` for none or differing numbers of pictures, or a picture without reference.
 */
export function bleu4(candidates: readonly string[], references: readonly (readonly string[])[]): number {
  checkCaptions(candidates, references);
  const matches = new Array<number>(MAX_N).fill(0);
  const totals = new Array<number>(MAX_N).fill(0);
  let candidateWords = 0;
  let referenceWords = 0;
  for (const [i, candidate] of candidates.entries()) {
    const words = captionWords(candidate);
    const lists = references[i]!.map(captionWords);
    candidateWords += words.length;
    referenceWords += nearestLength(words.length, lists.map((list) => list.length));
    for (let n = 1; n <= MAX_N; n++) {
      const allowed = lists.map((list) => nGramCounts(list, n));
      for (const [gram, count] of nGramCounts(words, n)) {
        totals[n - 1]! += count;
        matches[n - 1]! += Math.min(count, Math.max(...allowed.map((counts) => counts.get(gram) ?? 0)));
      }
    }
  }
  // One precision of zero makes the mean zero; this also covers captions too short to have any run of four words.
  if (matches.includes(0)) return 0;
  const logMean = matches.reduce((sum, match, i) => sum + Math.log(match / totals[i]!), 0) / MAX_N;
  const brevity = Math.min(0, 1 - referenceWords / candidateWords);
  return 100 * Math.exp(logMean + brevity);
}

function nearestLength(words: number, lengths: readonly number[]): number {
  return lengths.reduce((best, length) => {
    const [old, now] = [Math.abs(best - words), Math.abs(length - words)];
    return now < old || (now === old && length < best) ? length : best;
  });
}
