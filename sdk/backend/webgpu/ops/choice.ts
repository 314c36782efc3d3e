import type { DeviceMemory } from "../memory.ts";
import { operation } from "../operation.ts";

const ARGMAX = operation("argmax", ["write", "write"], { dst: "u32", x: "u32", elements: "u32" });

export const OPERATIONS = [ARGMAX];

/** See `Backend.argmax`. */
export async function argmax(m: DeviceMemory, x: number, elements: number): Promise<number> {
  const from = m.operand(x);
  const { binding, word, read } = m.answer();
  m.run(ARGMAX, {}, [from.binding, binding], { dst: word, x: from.word, elements }, [1]);
  return (await read())[0]! | 0;
}
