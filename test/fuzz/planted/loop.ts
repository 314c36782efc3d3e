/** Does not end for an input that begins with a zero. */
import type { Target } from "../target.ts";

export const target: Target = {
  seeds: [Uint8Array.of(1), Uint8Array.of(0, 9)],
  maxBytes: 4,
  run(input) {
    while (input[0] === 0);
  },
};
