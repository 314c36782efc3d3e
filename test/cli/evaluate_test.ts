/** `deno task evaluate` and `--lazy`, as a shell sees them. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const TASKS: Record<string, string> = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))).tasks;
const KV_BYTES_OFF = 12 * 2 * 512 * 192 * 2;

/** Runs a task of deno.json with its own permissions. */
async function task(name: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [, ...rest] = TASKS[name]!.split(" ");
  const command = new Deno.Command(Deno.execPath(), {
    args: [rest[0]!, "--quiet", ...rest.slice(1), ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

async function dataset(lines: readonly object[]): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/data.jsonl`, lines.map((line) => JSON.stringify(line) + "\n").join(""));
  return folder;
}

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

Deno.test("--lazy: what is no plan, no file, or not computed is told in one line", async () => {
  const folder = await dataset([]);
  await Deno.writeTextFile(`${folder}/plan.json`, '{"anchor": [0, 0, 1], "mode": "gla"}');
  for (
    const [lazy, message] of [
      ["auto", /argument_invalid: .*"vla" is not computed by this version; take the mode "gla"/],
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
