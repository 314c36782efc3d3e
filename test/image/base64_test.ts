import assert from "node:assert/strict";
import { base64Bytes } from "../../sdk/image/base64.ts";

/** What the runtime's own decoder says. */
function expected(text: string): number[] | undefined {
  try {
    return Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

Deno.test("base64Bytes() reads what atob() reads, and refuses what it refuses", () => {
  const alphabet = "AZaz09+/=== \n\t\f\r-_*\u0080\u0141";
  let state = 1;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
  const counts = [0, 0];
  for (let round = 0; round < 20_000; round++) {
    // mostly of the alphabet, so that many are right
    const letters = Array.from({ length: next(12) }, () => alphabet[next(next(4) === 0 ? alphabet.length : 8)]!);
    const text = letters.join("") + "=".repeat(next(8) > 4 ? next(3) : 0);
    const bytes = base64Bytes(text);
    assert.deepEqual(bytes && [...bytes], expected(text), JSON.stringify(text));
    counts[bytes ? 1 : 0]!++;
  }
  assert.ok(counts.every((count) => count > 3000), `${counts}`);
});

Deno.test("base64Bytes() of a large text gives its bytes in memory of its own", () => {
  const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31 + (i >> 7)) & 255);
  const text = btoa(String.fromCharCode(...bytes.subarray(0, 60_000))) +
    btoa(String.fromCharCode(...bytes.subarray(60_000)));
  assert.deepEqual(base64Bytes(text), bytes);
});
