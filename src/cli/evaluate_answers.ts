/** Evaluations of texts: the model is loaded as for any use. */
import { readFile } from "node:fs/promises";
import { exactMatch } from "../../sdk/evaluate/answers.ts";
import { bleu4 } from "../../sdk/evaluate/bleu.ts";
import { ciderD } from "../../sdk/evaluate/cider.ts";
import { type Located, readCaptions, readQuestions } from "./dataset.ts";
import type { Task, TaskInput } from "./evaluate_task.ts";
import { open } from "./open.ts";

/** The longest answer: what the reference scores of the embedded model were made with. */
const MAX_TOKENS = 26;

/** Captions, scored against those of people. */
export async function captionTask(input: TaskInput): Promise<Task<string>> {
  const items = (await readCaptions(input.lines, input.folder)).slice(0, input.args.limit);
  const references = items.map(({ captions }) => captions);
  return await answerTask(input, items, (answers) => ({
    ciderD: ciderD(answers, references),
    bleu4: bleu4(answers, references),
  }));
}

/** Questions, whose answers must be those of the data set. */
export async function questionTask(input: TaskInput): Promise<Task<string>> {
  const items = (await readQuestions(input.lines, input.folder)).slice(0, input.args.limit);
  const references = items.map(({ answer }) => answer);
  return await answerTask(input, items, (answers) => ({ exactMatch: exactMatch(answers, references) }));
}

async function answerTask(
  { args, signal }: TaskInput,
  items: readonly Located<{ readonly question?: string }>[],
  score: Task<string>["score"],
): Promise<Task<string>> {
  const { captioner, options, close } = await open(args, signal);
  const { weights, backend } = captioner;
  return {
    configuration: { weights, backend, prompt: args.prompt },
    items: items.map(({ path, question }) => JSON.stringify([path, question ?? ""])),
    isResult: (value) => typeof value === "string",
    async measure(index) {
      const { path, question = args.prompt } = items[index]!;
      const prompt = question === undefined ? {} : { prompt: question };
      const picture = await readFile(path);
      const { text } = await captioner.caption(picture, { maxTokens: MAX_TOKENS, ...options, ...prompt }).result;
      return text.trim();
    },
    score,
    facts() {
      const { kvBytes, qCacheBytes } = captioner.memory;
      return { backend, kvBytes, qCacheBytes };
    },
    close,
  };
}
