import type { TokenChoice } from "../../backend.ts";
import type { DeviceMemory } from "../memory.ts";
import { operation } from "../operation.ts";

/** What f32 has next below 1. */
const BELOW_ONE = 1 - 2 ** -24;
/** The smallest and the largest f32 that every GPU computes with. */
const LEAST = 2 ** -126;
const MOST = 3.4e38;

const ARGMAX = operation("argmax", ["write", "write"], { x: "u32", elements: "u32" });
const SAMPLE = operation("sample", ["write", "write"], {
  ...{ scratch: "u32", logits: "u32", elements: "u32", recent: "u32", recents: "u32" },
  ...{ penalty: "f32", temperature: "f32", top_k: "u32", top_p: "f32", min_p: "f32", uniform: "f32" },
});

export const OPERATIONS = [ARGMAX, SAMPLE];

/** See `Backend.argmax`. */
export function argmax(m: DeviceMemory, x: number, elements: number, to = 0): Promise<number> {
  const from = m.operand(x);
  m.run(ARGMAX, {}, [from.binding, m.answer], { x: from.word, elements }, [1]);
  return chosen(m, to);
}

/** The index that was left, or -1. */
async function chosen(m: DeviceMemory, to: number): Promise<number> {
  return await m.takeAnswer(to) | 0;
}

/** See `Backend.sampleScratch`: a weight for each. */
export function sampleScratch(elements: number): number {
  return elements;
}

/**
 * See `Backend.sample`. Sums are f32: what is drawn is another index than the CPU's only where `uniform` is within 1e-5 of
 * the edge of what belongs to an index, or top-p as near to the sum of what it keeps.
 */
export function sample(
  m: DeviceMemory,
  scratch: number,
  logits: number,
  elements: number,
  recent: number,
  recents: number,
  { repetitionPenalty, temperature, topK, topP, minP, uniform }: TokenChoice,
  to = 0,
): Promise<number> {
  const [work, from, ids] = [m.operand(scratch), m.operand(logits), m.operand(recent)];
  m.run(SAMPLE, {}, [work.binding, m.answer], {
    ...{ scratch: work.word, logits: from.word, elements, recent: ids.word, recents },
    penalty: normal(repetitionPenalty),
    temperature: temperature === 0 ? 0 : normal(temperature),
    top_k: topK === 0 ? elements : Math.min(topK, elements),
    // rounding must not make 1 of it, which keeps all
    top_p: topP < 1 ? normal(Math.min(topP, BELOW_ONE)) : 1,
    min_p: minP === 0 ? 0 : normal(minP),
    uniform: Math.min(uniform, BELOW_ONE),
  }, [1]);
  return chosen(m, to);
}

function normal(value: number): number {
  return Math.min(Math.max(value, LEAST), MOST);
}
