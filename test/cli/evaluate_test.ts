/** `deno task evaluate` and `--lazy`, as a shell sees them. */
import assert from "node:assert/strict";
import { dataset, task } from "./task.ts";

const KV_BYTES_OFF = 12 * 2 * 512 * 192 * 2;

Deno.test("evaluate questions scores exact answers, and goes on from its journal without asking again", async () => {
  const question = "What objects are in this image?";
  const folder = await dataset([
    { file: "mountain_path.jpg", question, answer: "Mountain, rock" },
    { file: "dogs_at_window.jpg", question, answer: "Cat" },
  ]);
  const args = [
    "questions",
    `${folder}/data.jsonl`,
    "examples/photos",
    "--json",
    "--journal",
    `${folder}/journal.jsonl`,
  ];
  const first = await task("evaluate", args);
  assert.equal(first.code, 0, first.stderr);
  const { kind, items, exactMatch } = JSON.parse(first.stdout);
  assert.deepEqual([kind, items, exactMatch], ["questions", 2, 50]);

  // an answer that the model would not give is taken from the journal
  const journal = await Deno.readTextFile(`${folder}/journal.jsonl`);
  assert.equal(journal.trim().split("\n").length, 2);
  await Deno.writeTextFile(`${folder}/journal.jsonl`, journal.replace(/"result":"Dog[^"]*"/, '"result":"Cat."'));
  assert.equal(JSON.parse((await task("evaluate", args)).stdout).exactMatch, 100);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("evaluate captions --lazy gla: the KV cache is 37.5 % smaller under the embedded model's plan", async () => {
  const folder = await dataset([{ file: "dogs_at_window.jpg", captions: ["two dogs look out of a window"] }]);
  const args = ["captions", `${folder}/data.jsonl`, "examples/photos", "--json", "--context", "512"];
  const off = JSON.parse((await task("evaluate", args)).stdout);
  const gla = JSON.parse((await task("evaluate", [...args, "--lazy", "gla"])).stdout);
  assert.deepEqual([off.kvBytes, off.qCacheBytes, off.lazy], [KV_BYTES_OFF, 0, "off"]);
  assert.equal(gla.kvBytes, KV_BYTES_OFF * 0.625);
  assert.ok(gla.qCacheBytes > 0);
  assert.equal(typeof gla.ciderD, "number");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("--lazy: what is no plan or no file is told in one line", async () => {
  const folder = await dataset([]);
  await Deno.writeTextFile(`${folder}/plan.json`, '{"anchor": [0, 0, 1], "mode": "gla"}');
  for (
    const [lazy, message] of [
      [`${folder}/plan.json`, /file_invalid: .*plan\.json: the lazy plan .*anchor of layer 2/],
      [`${folder}/none.json`, /argument_invalid: --lazy is .* must be off, auto, gla, vla or a JSON file/],
    ] as const
  ) {
    const { code, stderr } = await task("loris", ["caption", "examples/photos/coffee.jpg", "--lazy", lazy]);
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("evaluate yesno takes the larger of two logits, and goes on from its journal", async () => {
  const question = "Is there a mountain in this image?";
  const folder = await dataset([
    { file: "mountain_path.jpg", question, answer: "Yes" },
    { file: "dogs_at_window.jpg", question, answer: "No" },
    { file: "coffee.jpg", question, answer: "yes" },
  ]);
  const journal = `${folder}/journal.jsonl`;
  const args = ["yesno", `${folder}/data.jsonl`, "examples/photos", "--json", "--journal", journal];
  const first = await task("evaluate", [...args, "--limit", "2"]);
  assert.equal(first.code, 0, first.stderr);
  const { kind, items, accuracy } = JSON.parse(first.stdout);
  assert.deepEqual([kind, items, accuracy], ["yesno", 2, 100]);
  const lines = (await Deno.readTextFile(journal)).trim().split("\n").map((line) => JSON.parse(line).result);
  assert.deepEqual(lines, ["Yes", "No"]);

  // an answer that the model would not give is taken from the journal, and the third question is asked
  await Deno.writeTextFile(journal, (await Deno.readTextFile(journal)).replace('"result":"No"', '"result":"Yes"'));
  const second = JSON.parse((await task("evaluate", args)).stdout);
  assert.equal(second.items, 3);
  assert.ok([100 / 3, 200 / 3].includes(second.accuracy), `accuracy ${second.accuracy}`);
  assert.equal((await Deno.readTextFile(journal)).trim().split("\n").length, 3);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("evaluate agreement: the dense model agrees with itself, another plan less, in fewer bytes", async () => {
  const folder = await dataset([{ file: "dogs_at_window.jpg", captions: ["two dogs look out of a window"] }]);
  const args = ["agreement", `${folder}/data.jsonl`, "examples/photos", "--json", "--max-tokens", "24"];
  const agreement = async (...more: string[]) => {
    const { stdout, stderr, code } = await task("evaluate", [...args, ...more]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const dense = await agreement();
  assert.deepEqual([dense.equalShare, dense.commonPrefixTokens, dense.exactShare, dense.kl, dense.klToEnd], [
    1,
    24,
    1,
    0,
    0,
  ]);
  assert.equal(dense.kvBytes, dense.denseKvBytes);
  const gla = await agreement("--lazy", "gla");
  assert.ok(gla.kl > 0 && gla.klToEnd > 0 && gla.klToEnd !== gla.kl && gla.equalShare <= 1);
  assert.equal(gla.kvBytes, 0.625 * gla.denseKvBytes);
  const q8 = await agreement("--kv", "q8");
  assert.ok(q8.kl > 0 && q8.kl < gla.kl);
  assert.equal(q8.kvBytes / q8.denseKvBytes, 68 / 128);
  const asked = await agreement("--prompt", "Write a caption.");
  assert.notEqual(asked.denseKvBytes, dense.denseKvBytes, "another question has another number of tokens");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("evaluate refuses answers that are neither yes nor no, and options that would do nothing", async () => {
  const folder = await dataset([{ file: "coffee.jpg", question: "How many cups?", answer: "Two" }]);
  const lines = `${folder}/data.jsonl`;
  const cases = [
    [
      ["yesno", lines, "examples/photos"],
      1,
      /file_invalid: .*data\.jsonl:1: the answer must be Yes or No, it is "Two"/,
    ],
    [["yesno", lines, "examples/photos", "--prompt", "x"], 2, /--prompt is of no effect on evaluate yesno/],
    [["agreement", lines, "examples/photos", "--detail", "high"], 2, /--detail is of no effect on evaluate agreement/],
    [["other", lines, "examples/photos"], 2, /captions or questions or yesno or agreement/],
  ] as const;
  for (const [args, want, message] of cases) {
    const { code, stderr } = await task("evaluate", args);
    assert.equal(code, want, stderr);
    assert.match(stderr, message);
  }
  await Deno.remove(folder, { recursive: true });
});
