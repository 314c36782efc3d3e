import { forcedAgreement, type TokenAgreement, tokenAgreement } from "./evaluate/agreement.ts";
import { densePlan } from "./lazy/plan.ts";
import type { Prepared, Probe, ProbeSetting } from "./probe.ts";

/** How an answer under a setting compares with the dense model's, which has an f16 cache. */
export interface AnswerAgreement extends TokenAgreement {
  /** Mean over the dense answer's tokens of the divergence of what is said before each, in nats (teacher forcing). */
  readonly kl: number;
  /** The same up to where the dense answer would have ended; what comes after is text that a model was not made for. */
  readonly klToEnd: number;
  /** Keys and values of the prompt in the cache. */
  readonly kvBytes: number;
  readonly denseKvBytes: number;
}

/** How long the answers are. */
export interface AgreementOptions {
  /** Tokens of both answers; tokens that end an answer do not. */
  readonly tokens: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lets the dense model and one under a setting answer, greedily and at the same length, and compares.
 *
 * @throws {LorisError} `argument_invalid`, `context_overflow`, `non_finite`, `closed`; the signal's reason.
 */
export async function answerAgreement(
  probe: Probe,
  prepared: Prepared,
  setting: ProbeSetting,
  { tokens, signal }: AgreementOptions,
): Promise<AnswerAgreement> {
  const dense: ProbeSetting = { lazy: densePlan(probe.layers) };
  const options = { maxTokens: tokens, ignoreEnd: true, signal };
  const reference = await probe.answer(prepared, dense, options);
  const answer = await probe.answer(prepared, setting, options);
  const says = async (setting: ProbeSetting) => (await probe.forced(prepared, setting, reference.ids, signal)).logits;
  const [wanted, said] = [await says(dense), await says(setting)];
  const { kl } = forcedAgreement(wanted, said);
  const end = reference.tokensToEnd;
  const { kl: klToEnd } = forcedAgreement(wanted.slice(0, end), said.slice(0, end));
  const { kvBytes } = answer;
  return { ...tokenAgreement(reference.ids, answer.ids), kl, klToEnd, kvBytes, denseKvBytes: reference.kvBytes };
}
