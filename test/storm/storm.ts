/** Very many requests, right and wrong, several at once, whose clients may go at any time; and what must hold afterwards. */
import { Random } from "../../sdk/generate/random.ts";
import { load } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { createApp } from "../../src/service/app.ts";
import type { GeneratedPair } from "../bench/generate_model.ts";
import { type Answer, answerOf, equal } from "./answers.ts";
import { ask, askAndLeave, askWrong, LEAVING } from "./client.ts";
import type { Heap } from "../bench/inspector.ts";
import { Chooser, CONTEXT_TOKENS, type Question, question } from "./questions.ts";
import { refusal } from "./refusals.ts";
import { KEY, type Target } from "./targets.ts";

export interface StormOptions {
  readonly requests: number;
  readonly seed: number;
  /** Requests after which memory is looked at. */
  readonly looks: readonly number[];
  /** How long the service may take to come to rest when nobody asks any more; a minute. */
  readonly patienceMs?: number;
  readonly progress?: (line: string) => void;
}

/** What a process holds after so many requests. */
export interface Look {
  readonly requests: number;
  readonly heap: Heap;
  readonly residentBytes: number | undefined;
}

export interface StormResult {
  /** By kind: how many were asked. */
  readonly kinds: Readonly<Record<string, number>>;
  /** By status: how often it was answered, to those that stayed. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers that were held against the one made alone, and were equal. */
  readonly equal: number;
  /** Requests that found no place (429) and were asked again. */
  readonly again: number;
  readonly looks: readonly Look[];
  /** What should not have been; empty if all is well. */
  readonly failures: readonly string[];
}

const AT_ONCE = 8;
/** Different questions for so many requests: each comes again and again, in other company. */
const REQUESTS_A_QUESTION = 20;
const [WRONG_SHARE, LEAVING_SHARE] = [0.3, 0.15];
const MAX_FAILURES = 20;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the questions are answered with, one after another, by a captioner that keeps nothing from one to the next. */
export async function answersAlone(pair: GeneratedPair, questions: readonly Question[]): Promise<Answer[]> {
  const sources = { text: fileSource(pair.text), vision: fileSource(pair.vision) };
  const captioner = await load({ ...sources, contextTokens: CONTEXT_TOKENS, keptTiles: 0 });
  const app = createApp(captioner);
  const answers: Answer[] = [];
  for (const { path, type, alone, kind } of questions) {
    const response = await app.request(path, { method: "POST", body: alone, headers: { "content-type": type } });
    const text = await response.text();
    const answer = answerOf(response.headers.get("content-type")!, response.headers.get("x-usage"), text);
    if (!answer) throw new Error(`${kind} is answered ${response.status} alone: ${text.slice(0, 300)}`);
    answers.push(answer);
  }
  await captioner.close();
  await Promise.all([sources.text.close(), sources.vision.close()]);
  return answers;
}

/** Makes the storm; what goes wrong is told in the result. */
export async function storm(target: Target, pair: GeneratedPair, options: StormOptions): Promise<StormResult> {
  const { requests, seed, looks: lookAt, patienceMs = 60_000, progress = () => {} } = options;
  const choose = new Chooser(new Random(seed));
  const questions = Array.from(
    { length: Math.max(24, Math.ceil(requests / REQUESTS_A_QUESTION)) },
    () => question(choose),
  );
  const answers = await answersAlone(pair, questions);
  progress(`${questions.length} questions have been answered alone`);
  const [kinds, statuses]: [Record<string, number>, Record<string, number>] = [{}, {}];
  const failures: string[] = [];
  const looks: Look[] = [];
  let [started, done, right, again] = [0, 0, 0, 0];
  const count = (record: Record<string, number>, key: string | number) => record[key] = (record[key] ?? 0) + 1;

  const one = async (index: number): Promise<void> => {
    // of its number alone, whatever others do meanwhile
    const own = new Chooser(new Random(seed * 1e6 + index));
    const share = own.random.uniform();
    if (share < WRONG_SHARE) {
      const wrong = refusal(own);
      count(kinds, `wrong: ${wrong.kind}`);
      const { status, body } = await patient(() => askWrong(target.url, wrong));
      count(statuses, status);
      if (!wrong.statuses.includes(status)) failures.push(`${wrong.kind}: ${status} ${body.slice(0, 300)}`);
      return;
    }
    const which = own.below(questions.length);
    const asked = questions[which]!;
    if (share < WRONG_SHARE + LEAVING_SHARE) {
      const when = own.of(LEAVING);
      count(kinds, `left ${when}`);
      return await askAndLeave(target.url, asked, when, 1 + own.below(6));
    }
    count(kinds, asked.kind);
    check(asked, answers[which]!, await patient(() => ask(target.url, asked)));
  };
  const check = (
    { kind, json }: Question,
    wanted: Answer,
    { status, answer, body }: Awaited<ReturnType<typeof ask>>,
  ) => {
    count(statuses, status);
    if (status !== 200 || !equal(wanted, answer, target.sameEngine)) {
      failures.push(`${kind}: ${status} ${body.slice(0, 300)}, alone it is ${JSON.stringify(wanted).slice(0, 300)}`);
    } else right++;
    if (json && answer?.choices[0]?.finish === "stop") JSON.parse(answer.choices[0].text);
  };
  /** Others whose clients have gone may still have their places. */
  const patient = async (send: () => ReturnType<typeof ask>) => {
    for (let tries = 0;; tries++) {
      const told = await send();
      if (told.status !== 429 || tries > 200) return told;
      again++;
      await wait(20);
    }
  };
  const worker = async (until: number): Promise<void> => {
    while (started < until && failures.length < MAX_FAILURES) {
      const index = started++;
      try {
        await one(index);
      } catch (error) {
        failures.push(`request ${index}: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (++done % 500 === 0) progress(`${done} requests`);
    }
  };
  for (const until of [...new Set([...lookAt, requests])].sort((a, b) => a - b)) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => worker(until)));
    failures.push(...await unrest(target, patienceMs));
    if (!lookAt.includes(until) || failures.length >= MAX_FAILURES) continue;
    looks.push({ requests: until, heap: await target.heap(), residentBytes: await target.residentBytes() });
  }
  // one after another again: nothing that the storm has left behind changes an answer
  for (const [i, asked] of questions.entries()) {
    if (failures.length >= MAX_FAILURES) break;
    check(asked, answers[i]!, await patient(() => ask(target.url, asked)));
  }
  return { kinds, statuses, equal: right, again, looks, failures };
}

/** What of the service is not at rest, though nobody asks anything any more. */
async function unrest({ url }: Target, patienceMs: number): Promise<string[]> {
  const headers = { authorization: `Bearer ${KEY}` };
  let busy: string[] = [];
  for (const started = performance.now(); performance.now() - started < patienceMs;) {
    const health = await fetch(`${url}/health`);
    const state = await health.text();
    if (health.status !== 200) return [`health is ${health.status} ${state}`];
    const metrics = await (await fetch(`${url}/metrics`, { headers })).text();
    busy = ["requests_inside", "held_bytes", "queue_active", "queue_waiting"]
      .map((name) => new RegExp(`^loris_${name} .*$`, "m").exec(metrics)?.[0] ?? `${name} is not told`)
      .filter((line) => !line.endsWith(" 0"));
    if (busy.length === 0) return [];
    await wait(50);
  }
  return busy;
}
