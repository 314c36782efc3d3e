/** `loris inspect` on budgets: its verdict, the plan that `load` takes, and what would fit. */
import assert from "node:assert/strict";
import { load } from "../../sdk/load.ts";
import { MIB, rejection, sources } from "../sdk/model.ts";
import { task } from "./task.ts";

const NANO = ["models/nano/nano-text-q4_0.gguf", "models/nano/nano-mmproj-q8_0.gguf"];

async function fit(...options: string[]) {
  const { stdout } = await task("loris", ["inspect", ...NANO, "--json", ...options]);
  return JSON.parse(stdout).fit;
}

Deno.test("inspect says in words how a pair fits, with the parts that load() will take, and their sum", async () => {
  const cases = [
    [128, "fits"],
    [52, "fits with 4-bit weights"],
    [46, "fits with the vision model streamed for each picture"],
    [41.9, "fits with 4-bit weights and the vision model streamed for each picture"],
  ] as const;
  for (const [mebibytes, words] of cases) {
    const memoryBudget = Math.floor(mebibytes * MIB);
    const verdict = await fit("--budget", `${memoryBudget}`);
    assert.deepEqual([verdict.fits, verdict.verdict, verdict.missingBytes], [true, words, 0]);
    assert.equal(
      verdict.neededBytes,
      verdict.parts.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0),
    );
    assert.ok(verdict.neededBytes <= memoryBudget);
    const captioner = await load({ ...sources(), memoryBudget, keptTiles: 0 });
    const { weights, visionWeights, contextTokens } = captioner;
    assert.deepEqual([verdict.weights, verdict.visionWeights, verdict.contextTokens], [
      ...[weights, visionWeights, contextTokens],
    ]);
    await captioner.close();
  }
});

Deno.test("inspect says by how much a pair does not fit; a budget larger by that much fits, and one byte less does not", async () => {
  const { missingBytes, neededBytes, verdict } = await fit("--budget", "20MiB");
  assert.deepEqual([verdict, missingBytes], ["does not fit", neededBytes - 20 * MIB]);
  await (await load({ ...sources(), memoryBudget: neededBytes, keptTiles: 0 })).close();
  const less = { ...sources(), memoryBudget: neededBytes - 1, keptTiles: 0 };
  assert.equal((await rejection(load(less))).code, "memory_budget");
});

Deno.test("inspect names single changes that would fit, each of which does, and the longest context", async () => {
  const { fits, remedies, weights } = await fit("--budget", "48MiB", "--context", "4096");
  assert.deepEqual([fits, weights], [false, "q4-all"]);
  const changes = remedies.map(({ change }: { change: object }) => change);
  assert.ok(
    changes.length >= 1 && changes.some((change: object) => "contextTokens" in change),
    JSON.stringify(changes),
  );
  for (const { change, neededBytes } of remedies) {
    const options = Object.entries(change).map(([name, value]) =>
      `--${name.replace("contextTokens", "context").replace("visionWeights", "vision-weights")}=${value}`
    );
    const mended = await fit("--budget", "48MiB", "--context", "4096", ...options.flat());
    assert.deepEqual([mended.fits, mended.neededBytes], [true, neededBytes], options.join(" "));
  }
  const { contextTokens } = changes.find((change: object) => "contextTokens" in change);
  assert.equal((await fit("--budget", "48MiB", "--context", `${contextTokens + 64}`)).fits, false);
});

Deno.test("inspect names all changes together where none alone is enough, and 16-bit weights or a resident encoder among them", async () => {
  const asked = ["--budget", "40MiB", "--weights", "f16", "--vision-weights", "resident"];
  const { remedies } = await fit(...asked);
  const all = { kv: "q8", lazy: "auto", weights: "q4-all", visionWeights: "streamed" };
  assert.deepEqual(remedies.map(({ change }: { change: object }) => change), [all]);
  const { code, stdout } = await task("loris", ["inspect", ...NANO, ...asked]);
  assert.equal(code, 1);
  assert.match(
    stdout,
    /\ndoes not fit: the budget is 41943040 bytes \(40\.0 MiB\), \d+ bytes .* less than the smallest way/,
  );
  assert.match(
    stdout,
    /\nwhat would fit:\n {2}--kv q8 --lazy auto --weights q4-all --vision-weights streamed {2}\(needs/,
  );
  assert.match(stdout, /\n {2}--budget \d+\n {2}or a smaller model\n$/);
});
