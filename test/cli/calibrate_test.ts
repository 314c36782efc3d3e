/** `deno task calibrate`, as a shell sees it. */
import assert from "node:assert/strict";
import { openGguf } from "../../sdk/gguf/gguf.ts";
import { planFromJson, planFromMetadata } from "../../sdk/lazy/plan_format.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { dataset, task } from "./task.ts";

const CAPTIONS = ["something"];
const folder = await dataset(
  ["mountain_path.jpg", "coffee.jpg", "dogs_at_window.jpg"].map((file) => ({ file, captions: CAPTIONS })),
);
const LINES = `${folder}/data.jsonl`;
const ARGS = [LINES, "examples/photos", "--limit", "2", "--held-out", "1", "--mode", "gla", "--context", "128"];
const FEW = ["--shares", "0.1", "--planners", "threshold,greedy", "--first-lazy-layer", "10", "--max-tokens", "4"];

Deno.test("calibrate writes page, numbers, picture and plans, and a model that carries the best one; then goes on from its journal", async () => {
  const [journal, out, model] = ["journal.jsonl", "out", "planned.gguf"].map((name) => `${folder}/${name}`);
  const args = [...ARGS, ...FEW, "--journal", journal!, "--out", out!];
  const { code, stdout, stderr } = await task("calibrate", [...args, "--write-gguf", model!]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, await Deno.readTextFile(`${out}/calibrate.md`));
  assert.match(stdout, /\| dense \| +\| none \| 0\.0000 \| 100\.0 \|/);
  assert.match(stdout, /\| carried \| gla \| 9: 2-5, 7-11 \| .* \| 37\.5 \|/);
  assert.match(stderr, /profile: mountain_path\.jpg/);
  assert.match(stderr, /held-out: dogs_at_window\.jpg/);

  const { best, rows, profilePictures, heldOut } = JSON.parse(await Deno.readTextFile(`${out}/calibrate.json`));
  assert.deepEqual([profilePictures, heldOut, rows.length, best.lazyLayers], [2, 1, 3, 1]);
  const text = await Deno.readTextFile(`${out}/plan.json`);
  const plan = planFromJson(text, "plan.json", 12);
  assert.deepEqual(plan, best.plan);
  assert.match(await Deno.readTextFile(`${out}/calibrate.svg`), /^<svg .*mean of 2 pictures/s);
  const plans = [...Deno.readDirSync(`${out}/plans`)].map(({ name }) => name).sort();
  assert.deepEqual(plans, ["gla-1-greedy.json", "gla-1-threshold.json", "gla-9-carried.json"]);

  const source = fileSource(model!);
  assert.deepEqual(planFromMetadata((await openGguf(source)).metadata, 12), plan);
  await source.close();
  assert.equal((await task("loris", ["caption", "examples/photos/coffee.jpg", "--lazy", `${out}/plan.json`])).code, 0);

  const before = await Deno.readTextFile(journal!);
  const again = await task("calibrate", args);
  assert.equal(again.stdout, stdout);
  assert.equal(await Deno.readTextFile(journal!), before);
  assert.doesNotMatch(again.stderr, /profile:|held-out:|KL/, "nothing is computed again");
});

Deno.test("calibrate refuses too few pictures, shares that are none, and to write over its model", async () => {
  const cases = [
    [[LINES, "examples/photos"], /has 3 pictures: too few for 1 of the profile and 32 held out/],
    [[LINES, "examples/photos", "--limit", "3", "--held-out", "1"], /too few for 3 of the profile and 1 held out/],
    [[...ARGS, "--shares", "0.3,2"], /--shares has "2"/],
    [[...ARGS, "--planners", "best"], /--planners is "best", it must be threshold or greedy or random/],
    [[...ARGS, "--kv", "q8"], /--kv is of no effect on calibrate/],
    [
      [...ARGS, "--model", "models/nano", "--write-gguf", "models/../models/nano/nano-text-q4_0.gguf"],
      /is the model itself/,
    ],
    [[LINES], /calibrate takes a file of JSON lines and a folder of pictures/],
  ] as const;
  for (const [args, message] of cases) {
    const { code, stderr } = await task("calibrate", args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

Deno.test("calibrate is ended by an interrupt with the shell's status, and keeps what was measured", async () => {
  const journal = `${folder}/cut.jsonl`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "src/cli.ts", "calibrate", ...ARGS, "--journal", journal],
    cwd: new URL("../../", import.meta.url),
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let seen = "";
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    if (!seen.includes("KL") && chunk.includes("KL")) child.kill("SIGINT");
    seen += chunk;
  }
  assert.equal((await child.status).code, 130);
  assert.match(seen, /interrupted/);
  const lines = (await Deno.readTextFile(journal)).split("\n");
  assert.equal(lines.pop(), "", "the last line is whole");
  assert.ok(lines.length >= 3, `${lines.length} results were kept`);
  await Deno.remove(folder, { recursive: true });
});
