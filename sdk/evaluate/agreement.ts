/**
 * How two sequences of tokens, or what two networks say before each token, agree.
 *
 * @module
 */
import { LorisError } from "../errors.ts";

/** How two answers to the same prompt agree, token by token. */
export interface TokenAgreement {
  /** Both have the same tokens. */
  readonly exact: boolean;
  /** Tokens until the first difference. */
  readonly commonPrefixTokens: number;
  /** Positions with the same token in both, as a share of the longer answer's positions; 1 for two empty ones. */
  readonly equalShare: number;
}

/** Compares two sequences of token ids position by position; a position that only one has counts as different. */
export function tokenAgreement(a: ArrayLike<number>, b: ArrayLike<number>): TokenAgreement {
  const [shorter, longer] = [Math.min(a.length, b.length), Math.max(a.length, b.length)];
  let equal = 0;
  let commonPrefixTokens = 0;
  for (let i = 0; i < shorter; i++) {
    if (a[i] !== b[i]) continue;
    equal++;
    if (commonPrefixTokens === i) commonPrefixTokens++;
  }
  return { exact: equal === longer, commonPrefixTokens, equalShare: longer === 0 ? 1 : equal / longer };
}

/**
 * Kullback-Leibler divergence of softmax(other) from softmax(reference), in nats: sum p (ln p - ln q), p of the reference.
 * 0 where they are equal, and without an upper bound. Both logarithms come from logits less their largest, so that no
 * size of logits overflows.
 *
 * Source: Kullback, Leibler 1951, "On Information and Sufficiency".
 *
 * @param reference Logits of the distribution that is held true, such as the dense model's.
 * @throws {LorisError} `argument_invalid` for differing or no lengths, `non_finite` for a logit that is no finite number.
 */
export function klDivergence(reference: ArrayLike<number>, other: ArrayLike<number>): number {
  if (reference.length !== other.length || reference.length === 0) {
    const message = `${reference.length} and ${other.length} logits cannot be compared: wanted is one length, over 0`;
    throw new LorisError("argument_invalid", message, { param: "logits" });
  }
  const [pLogSum, qLogSum] = [logSumExp(reference), logSumExp(other)];
  let sum = 0;
  for (let i = 0; i < reference.length; i++) {
    const pLog = reference[i]! - pLogSum;
    sum += Math.exp(pLog) * (pLog - (other[i]! - qLogSum));
  }
  // of nearly equal distributions the terms cancel down to their rounding, which may be below 0
  return Math.max(0, sum);
}

/** How a network follows an answer that another one gave (teacher forcing). */
export interface ForcedAgreement {
  /** Mean over the answer's tokens of the Kullback-Leibler divergence from the reference, in nats. */
  readonly kl: number;
  /** Share of tokens at which both have their largest logit at the same id (of equal logits the lowest). */
  readonly equalShare: number;
}

/**
 * Compares what two networks say before each token of one answer.
 *
 * @param reference Logits of the network that is held true, one f32 [vocabulary] for each token.
 * @throws {LorisError} `argument_invalid` for none or differing numbers of tokens, else as {@link klDivergence}.
 */
export function forcedAgreement(reference: readonly Float32Array[], other: readonly Float32Array[]): ForcedAgreement {
  if (reference.length !== other.length || reference.length === 0) {
    const message = `logits of ${reference.length} and ${other.length} tokens cannot be compared: wanted are as many`;
    throw new LorisError("argument_invalid", message, { param: "logits" });
  }
  let [kl, equal] = [0, 0];
  for (const [i, logits] of reference.entries()) {
    kl += klDivergence(logits, other[i]!);
    equal += largest(logits) === largest(other[i]!) ? 1 : 0;
  }
  return { kl: kl / reference.length, equalShare: equal / reference.length };
}

function largest(logits: Float32Array): number {
  return logits.reduce((best, logit, id) => (logit > logits[best]! ? id : best), 0);
}

/** ln of the sum of e^x. */
function logSumExp(logits: ArrayLike<number>): number {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i]!;
    if (!Number.isFinite(logit)) throw new LorisError("non_finite", `logit ${i} is ${logit}`, { param: "logits" });
    largest = Math.max(largest, logit);
  }
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return largest + Math.log(sum);
}
