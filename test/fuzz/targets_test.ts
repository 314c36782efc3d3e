/** A short seeded run of every TypeScript target; `deno task fuzz` goes on from there. */
import assert from "node:assert/strict";
import { stop } from "npm:esbuild@0.28.2";
import { typescriptTargets } from "./all_targets.ts";

const RUNS = 1000;

for (const { name, run } of typescriptTargets()) {
  Deno.test(`fuzz: ${RUNS} inputs of ${name}`, async () => {
    const { findings, executions, covered, edges } = await run({ seed: 1, runs: RUNS, seconds: Infinity });
    const told = findings.map(({ what, input }) => `${what}\ninput: ${input.toBase64()}`);
    assert.deepEqual(told, []);
    assert.ok(executions >= RUNS);
    assert.ok(
      edges === 0 || covered > edges / 8,
      `only ${covered} of ${edges} branches: the seeds are not read as they should`,
    );
    await stop();
  });
}
