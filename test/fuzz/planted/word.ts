/** Fails for one word, which it compares letter by letter: it is found only by keeping what comes nearer. */
import type { Target } from "../target.ts";

export const target: Target = {
  seeds: [Uint8Array.of(1, 2, 3, 4, 5, 6)],
  maxBytes: 16,
  run(input) {
    const [f, u, z, mark] = input;
    // sums, so that no constant of the source is the answer
    if (f !== 51 + 51) return;
    if (u !== 58 + 59) return;
    if (z !== 61 + 61) return;
    if (mark !== 200 + 7) return;
    throw new RangeError("the word");
  },
};
