/** Evaluations that look at logits or at two plans at once. */
import { readFile } from "node:fs/promises";
import { LorisError } from "../../sdk/errors.ts";
import { DEFAULT_PROMPT } from "../../sdk/chat.ts";
import { type AnswerAgreement, answerAgreement } from "../../sdk/evaluate.ts";
import { exactMatch } from "../../sdk/evaluate/answers.ts";
import type { EncodedPicture, Probe, ProbeSetting } from "../../sdk/probe.ts";
import { readCaptions, readQuestions } from "./dataset.ts";
import type { Task, TaskInput } from "./evaluate_task.ts";
import { openProbeOf, refuse } from "./probe.ts";

/** Answers of which one must be the larger logit; of equal ones the first. */
const CANDIDATES = ["No", "Yes"] as const;
/** Long answers: where a plan's errors have time to add up. */
const AGREEMENT_TOKENS = 128;

/** Yes-or-no questions, answered by the larger of two logits at the answer's first position. */
export async function yesNoTask(input: TaskInput): Promise<Task<string>> {
  const { args, lines, folder, signal } = input;
  refuse(args, "evaluate yesno", [
    "detail",
    "temperature",
    "seed",
    "textTokens",
    "maxTokens",
    "prompt",
    "visionWeights",
  ]);
  const items = (await readQuestions(lines, folder)).slice(0, args.limit);
  const wrong = items.find(({ answer }) => !isCandidate(answer));
  if (wrong) {
    const message = `${lines}:${wrong.line}: the answer must be Yes or No, it is ${JSON.stringify(wrong.answer)}`;
    throw new LorisError("file_invalid", message, { param: lines });
  }
  const { probe, setting, ...common } = await opened(input);
  const encode = lastEncoded(probe, signal);
  return {
    ...common,
    items: items.map(({ path, question }) => JSON.stringify([path, question])),
    isResult: isCandidate,
    async measure(index) {
      const { path, question } = items[index]!;
      const prepared = await probe.prepare(await encode(path), question, signal);
      return CANDIDATES[await probe.choose(prepared, setting, CANDIDATES.map((answer) => ` ${answer}`), signal)]!;
    },
    score: (answers) => ({ accuracy: exactMatch(answers, items.map(({ answer }) => answer)) }),
  };
}

/** Long answers under a plan beside those of the dense model. */
export async function agreementTask(input: TaskInput): Promise<Task<AnswerAgreement>> {
  const { args, lines, folder, signal } = input;
  refuse(args, "evaluate agreement", ["detail", "temperature", "seed", "textTokens", "visionWeights"]);
  const items = (await readCaptions(lines, folder)).slice(0, args.limit);
  const { probe, setting, configuration, ...common } = await opened(input);
  const { prompt = DEFAULT_PROMPT, maxTokens: tokens = AGREEMENT_TOKENS } = args;
  return {
    ...common,
    configuration: { ...configuration, prompt, tokens },
    items: items.map(({ path }) => path),
    isResult: isAgreement,
    async measure(index) {
      const prepared = await probe.prepare(await readFile(items[index]!.path), prompt, signal);
      return await answerAgreement(probe, prepared, setting, { tokens, signal });
    },
    score(results) {
      const mean = (value: (result: AnswerAgreement) => number) =>
        results.reduce((sum, result) => sum + value(result), 0) / results.length;
      return {
        equalShare: mean(({ equalShare }) => equalShare),
        commonPrefixTokens: mean(({ commonPrefixTokens }) => commonPrefixTokens),
        exactShare: mean(({ exact }) => Number(exact)),
        kl: mean(({ kl }) => kl),
        klToEnd: mean(({ klToEnd }) => klToEnd),
        kvBytes: mean(({ kvBytes }) => kvBytes),
        denseKvBytes: mean(({ denseKvBytes }) => denseKvBytes),
      };
    },
  };
}

async function opened({ args, lazy, signal }: TaskInput) {
  const probe = await openProbeOf(args, signal);
  const { kv, visualTokens } = args;
  const setting: ProbeSetting = { lazy: probe.plan(lazy ?? "off"), kv, visualTokens };
  const { weights, backend } = probe;
  const facts = { backend };
  return { probe, setting, configuration: { weights, backend }, facts: () => facts, close: () => probe.close() };
}

/** Data sets ask several questions of one picture, one after another: it is encoded once. */
function lastEncoded(probe: Probe, signal: AbortSignal): (path: string) => Promise<EncodedPicture> {
  let last: { path: string; picture: EncodedPicture } | undefined;
  return async (path) => {
    if (last?.path !== path) last = { path, picture: await probe.encode(await readFile(path), signal) };
    return last.picture;
  };
}

function isCandidate(value: unknown): value is string {
  return typeof value === "string" && CANDIDATES.some((one) => one.toLowerCase() === value.trim().toLowerCase());
}

function isAgreement(value: unknown): value is AnswerAgreement {
  const { exact, commonPrefixTokens, equalShare, kl, klToEnd, kvBytes, denseKvBytes } = (value ?? {}) as Partial<
    AnswerAgreement
  >;
  const numbers = [commonPrefixTokens, equalShare, kl, klToEnd, kvBytes, denseKvBytes];
  return typeof exact === "boolean" && numbers.every(Number.isFinite);
}
