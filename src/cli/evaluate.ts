import type { LazyOption } from "../../sdk/lazy/option.ts";
import { planKey } from "../../sdk/lazy/plan.ts";
import type { Arguments } from "./args.ts";
import { captionTask, questionTask } from "./evaluate_answers.ts";
import { agreementTask, yesNoTask } from "./evaluate_probe.ts";
import type { Task, TaskInput } from "./evaluate_task.ts";
import { Journal } from "./journal.ts";
import { lazyOption } from "./lazy.ts";
import { note, print } from "./terminal.ts";
import { UsageError } from "./values.ts";

/** How each kind is measured; the results of a kind are its own business. */
const KINDS: Readonly<Record<string, (input: TaskInput) => Promise<Task<unknown>>>> = {
  captions: captionTask,
  questions: questionTask,
  yesno: yesNoTask,
  agreement: agreementTask,
};

/** `evaluate KIND FILE.jsonl FOLDER`: a data set, answered and scored. Returns the exit status. */
export async function evaluate(args: Arguments, signal: AbortSignal): Promise<number> {
  const [kind, lines, folder] = args.operands;
  const begin = KINDS[kind ?? ""];
  if (args.operands.length !== 3 || !begin) {
    throw new UsageError(
      `evaluate takes ${Object.keys(KINDS).join(" or ")}, a file of JSON lines, and a folder of pictures`,
    );
  }
  const lazy = await lazyOption(args.lazy);
  const task = await begin({ args, lines: lines!, folder: folder!, lazy, signal });
  const journal = args.journal === undefined ? undefined : new Journal(args.journal, task.isResult);
  try {
    report(kind!, task, await measureAll(task, configurationOf(kind!, task, args, lazy), journal), args);
    return 0;
  } finally {
    journal?.close();
    await task.close();
  }
}

async function measureAll<T>(task: Task<T>, configuration: string, journal: Journal<T> | undefined): Promise<T[]> {
  const results: T[] = [];
  for (const [i, item] of task.items.entries()) {
    let result = journal?.get(configuration, item);
    if (result === undefined) {
      result = await task.measure(i);
      journal?.add({ configuration, item, result });
    }
    results.push(result);
    if ((i + 1) % 50 === 0) note(`${i + 1} of ${task.items.length}`);
  }
  return results;
}

/** Everything that a result depends on, besides its item. A plan of a file is written out: the file may change. */
function configurationOf<T>(kind: string, task: Task<T>, args: Arguments, lazy: LazyOption | undefined): string {
  const { model, text, vision, kv, visualTokens, maxTokens, temperature, seed, detail } = args;
  const plan = typeof lazy === "object" ? planKey(lazy) : lazy;
  const given = { kind, model, text, vision, lazy: plan, kv, visualTokens, maxTokens, temperature, seed, detail };
  return JSON.stringify({ ...given, ...task.configuration });
}

function report<T>(kind: string, task: Task<T>, results: readonly T[], args: Arguments): void {
  const scores = task.score(results);
  const facts = task.facts();
  const { lazy = "off", kv = "f16", visualTokens } = args;
  if (args.json) {
    print(JSON.stringify({ kind, items: results.length, lazy, kv, visualTokens, ...facts, ...scores }) + "\n");
    return;
  }
  for (const [name, value] of Object.entries(scores)) print(`${name} ${Number(value.toPrecision(6))}\n`);
  print(
    `over ${results.length} ${kind}; ${Object.entries(facts).map(([name, fact]) => `${name} ${fact}`).join(", ")}\n`,
  );
}
