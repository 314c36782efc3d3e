/**
 * What an answer held to JSON, and log probabilities, cost beside a decode step: for the embedded model's vocabulary, and for one
 * of 49,280 tokens (SmolLM2's size) whose further tokens are pairs of the first's. CPU time, which other work on the machine
 * does not change.
 *
 * Usage: deno task bench:json
 */
import process from "node:process";
import type { Backend } from "../../sdk/backend/backend.ts";
import { Constraint } from "../../sdk/generate/grammar/constraint.ts";
import { TokenTrie } from "../../sdk/generate/grammar/token_trie.ts";
import { LogprobReader } from "../../sdk/generate/logprobs.ts";
import { Random } from "../../sdk/generate/random.ts";
import type { Tokenizer } from "../../sdk/text/tokenizer.ts";
import { grammarOf, TOKENIZER, VOCABULARY } from "../generate/grammar/grammar.ts";
import { Bench } from "../ops/harness.ts";
import { median } from "./measure.ts";

const SCHEMAS: Readonly<Record<string, unknown>> = {
  "any object": { type: "object" },
  "object of five": {
    type: "object",
    properties: {
      description: { type: "string" },
      dog: { type: "boolean" },
      count: { type: "integer", minimum: 0, maximum: 99 },
      color: { enum: ["red", "brown", "white"] },
      tags: { type: "array", items: { type: "string", maxLength: 20 }, maxItems: 4 },
    },
    required: ["description", "dog", "count", "color", "tags"],
  },
  "maxLength 400": { type: "string", minLength: 300, maxLength: 400 },
  "pattern, words": { type: "string", pattern: "^[A-Z][a-z ,.]*$" },
  "pattern, .{1,300}": { type: "string", pattern: "^.{1,300}$" },
};
const ROUNDS = 7;
const TOKENS = 60;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

type Vocabulary = Pick<Tokenizer, "vocabularySize" | "endIds" | "tokenBytes">;

/** Pairs of plain tokens, behind the tokens that there are. */
function enlarged(size: number, random: Random): Vocabulary {
  const tokens = Array.from({ length: TOKENIZER.vocabularySize }, (_, id) => TOKENIZER.tokenBytes(id));
  const seen = new Set(tokens.map(String));
  const { plainIds } = VOCABULARY;
  const any = () => tokens[plainIds[Math.floor(random.uniform() * plainIds.length)]!]!;
  while (tokens.length < size) {
    const pair = Uint8Array.of(...any(), ...any());
    if (!seen.has(String(pair))) tokens.push(pair);
    seen.add(String(pair));
  }
  return { vocabularySize: size, endIds: TOKENIZER.endIds, tokenBytes: (id) => tokens[id]! };
}

/** Mean CPU time of a token, in milliseconds: logits by chance, the largest that is allowed. */
async function perToken(
  backend: Backend,
  at: number,
  size: number,
  constraint: Constraint,
  ends: ReadonlySet<number>,
): Promise<number> {
  const random = new Random(1);
  let [total, tokens] = [0, 0];
  while (tokens < TOKENS && !constraint.ended) {
    backend.write(at, Float32Array.from({ length: size }, () => random.uniform()));
    const started = cpuMs();
    await constraint.apply(backend, at, size);
    const id = await backend.argmax(at, size);
    if (ends.has(id)) break;
    constraint.push(id);
    total += cpuMs() - started;
    tokens++;
  }
  return total / tokens;
}

const bench = await Bench.create("relaxed");
for (const vocabulary of [TOKENIZER, enlarged(49280, new Random(2))]) {
  const { vocabularySize: size, endIds } = vocabulary;
  const at = bench.put(new Float32Array(size));
  const print = (name: string, ...ms: readonly number[]) =>
    process.stdout.write(
      `${String(size).padStart(6)}  ${name.padEnd(20)}${ms.map((x) => x.toFixed(2).padStart(8)).join("")}\n`,
    );
  process.stdout.write(`tokens  CPU ms                 first   later\n`);
  const tries: number[] = [];
  let trie: TokenTrie | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const started = cpuMs();
    trie = new TokenTrie(vocabulary);
    tries.push(cpuMs() - started);
  }
  print("vocabulary, once", tries[0]!, median(tries));
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const times: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const grammar = grammarOf(schema, trie);
      for (const list of times) list.push(await perToken(bench.backend, at, size, new Constraint(grammar), endIds));
    }
    print(name, ...times.map(median));
  }
  const reader = LogprobReader.of(TOKENIZER, { logprobs: true, topLogprobs: 5 })!;
  const times: number[] = [];
  const random = new Random(3);
  bench.backend.write(at, Float32Array.from({ length: size }, () => random.uniform() * 20));
  for (let round = 0; round < 20 * ROUNDS; round++) {
    const started = cpuMs();
    const tell = await reader.read(bench.backend, at, size);
    tell(1);
    times.push(cpuMs() - started);
  }
  print("log probabilities", times[0]!, median(times));
}
