import { readFile } from "node:fs/promises";
import { exactMatch } from "../../sdk/evaluate/answers.ts";
import { bleu4 } from "../../sdk/evaluate/bleu.ts";
import { ciderD } from "../../sdk/evaluate/cider.ts";
import { type Arguments, UsageError } from "./args.ts";
import { type Located, readCaptions, readQuestions } from "./dataset.ts";
import { Journal } from "./journal.ts";
import { open, type Opened } from "./open.ts";
import { note, print } from "./terminal.ts";

/** What is asked about one picture, and how all answers together are scored. */
interface Task {
  readonly items: readonly Located<{ readonly question?: string }>[];
  score(answers: readonly string[]): Record<string, number>;
}

/** The longest answer: what the reference scores of the embedded model were made with. */
const MAX_TOKENS = 26;

/** `evaluate captions|questions FILE.jsonl FOLDER`: answers over a data set, scored. Returns the exit status. */
export async function evaluate(args: Arguments, signal: AbortSignal): Promise<number> {
  const [kind, lines, folder] = args.operands;
  if (args.operands.length !== 3 || (kind !== "captions" && kind !== "questions")) {
    throw new UsageError("evaluate takes captions or questions, a file of JSON lines, and a folder of pictures");
  }
  const task = kind === "captions"
    ? captionTask(await readCaptions(lines!, folder!), args)
    : questionTask(await readQuestions(lines!, folder!), args);
  const journal = args.journal === undefined ? undefined : new Journal(args.journal, isText);
  try {
    const opened = await open(args, signal);
    const answers = await answerAll(task, opened, configurationOf(args, opened), journal);
    await report(kind, task, answers, args, opened);
    return 0;
  } finally {
    journal?.close();
  }
}

function captionTask(all: Awaited<ReturnType<typeof readCaptions>>, args: Arguments): Task {
  const items = all.slice(0, args.limit);
  const references = items.map(({ captions }) => captions);
  return { items, score: (answers) => ({ ciderD: ciderD(answers, references), bleu4: bleu4(answers, references) }) };
}

function questionTask(all: Awaited<ReturnType<typeof readQuestions>>, args: Arguments): Task {
  const items = all.slice(0, args.limit);
  return { items, score: (answers) => ({ exactMatch: exactMatch(answers, items.map(({ answer }) => answer)) }) };
}

async function answerAll(
  { items }: Task,
  { captioner, options }: Opened,
  configuration: string,
  journal: Journal<string> | undefined,
): Promise<string[]> {
  const answers: string[] = [];
  for (const [i, { path, question }] of items.entries()) {
    const item = JSON.stringify([path, question ?? ""]);
    let answer = journal?.get(configuration, item);
    if (answer === undefined) {
      const prompt = question === undefined ? {} : { prompt: question };
      const { text } = await captioner.caption(await readFile(path), { maxTokens: MAX_TOKENS, ...options, ...prompt })
        .result;
      answer = text.trim();
      journal?.add({ configuration, item, result: answer });
    }
    answers.push(answer);
    if ((i + 1) % 50 === 0) note(`${i + 1} of ${items.length}`);
  }
  return answers;
}

/** Everything that an answer depends on, besides its picture and question. */
function configurationOf(args: Arguments, opened: Opened): string {
  const { model, text, vision, lazy, visualTokens, maxTokens, temperature, seed, detail } = args;
  const { weights, backend } = opened.captioner;
  return JSON.stringify({
    model,
    text,
    vision,
    weights,
    backend,
    lazy,
    visualTokens,
    maxTokens,
    temperature,
    seed,
    detail,
  });
}

async function report(kind: string, task: Task, answers: readonly string[], args: Arguments, opened: Opened) {
  const scores = task.score(answers);
  const { backend, memory: { kvBytes, qCacheBytes } } = opened.captioner;
  await opened.captioner.close();
  if (args.json) {
    const lazy = args.lazy ?? "off";
    const { visualTokens } = args;
    print(
      JSON.stringify({ kind, items: answers.length, lazy, visualTokens, backend, kvBytes, qCacheBytes, ...scores }) +
        "\n",
    );
    return;
  }
  for (const [name, value] of Object.entries(scores)) print(`${name} ${value.toFixed(2)}\n`);
  print(`over ${answers.length} ${kind}; ${kvBytes} bytes of KV cache\n`);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
