/**
 * How far a model's answers under a plan, a type of cache or fewer image tokens are from the dense model's.
 *
 * @example
 * ```ts
 * import { answerAgreement } from "loris/evaluate";
 * import { openProbe } from "loris/probe";
 * import { fileSource } from "loris/sources/file";
 *
 * const probe = await openProbe({
 *   text: fileSource("text.gguf"),
 *   vision: fileSource("mmproj.gguf"),
 * });
 * const photo = await Deno.readFile("photo.jpg");
 * const prepared = await probe.prepare(photo, "Describe this image.");
 * const { kl, equalShare } = await answerAgreement(
 *   probe,
 *   prepared,
 *   { lazy: probe.plan("auto"), kv: "q8" },
 *   { tokens: 8 },
 * );
 * console.log(`${kl} nats, ${100 * equalShare} % the same tokens`);
 * await probe.close();
 * ```
 *
 * @module
 */
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
  /** Those of the dense model. */
  readonly denseKvBytes: number;
}

/** How long the answers are. */
export interface AgreementOptions {
  /** Tokens of both answers; tokens that end an answer do not. */
  readonly tokens: number;
  /** Ends the work; what is thrown is its reason. */
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
