import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseCaptions, parseQuestions } from "../../sdk/evaluate/dataset.ts";
import { readCaptions, readQuestions } from "../../src/cli/dataset.ts";
import { hasShared, shared } from "../shared.ts";

Deno.test("parseCaptions() and parseQuestions() read lines, with their numbers, and skip empty ones", () => {
  assert.deepEqual(
    parseCaptions(
      '{"file":"a.jpg","captions":["A dog.","Dogs"]}\r\n\n {"file":"b/c.png","captions":["x"],"id":3}',
      "c",
    ),
    [
      { file: "a.jpg", captions: ["A dog.", "Dogs"], line: 1 },
      { file: "b/c.png", captions: ["x"], line: 3 },
    ],
  );
  const lines = ["Is it?", "Is it not?"].map((question) => JSON.stringify({ file: "a..jpg", question, answer: "Yes" }));
  assert.deepEqual(parseQuestions(lines.join("\n"), "q"), [
    { file: "a..jpg", question: "Is it?", answer: "Yes", line: 1 },
    { file: "a..jpg", question: "Is it not?", answer: "Yes", line: 2 },
  ]);
  const twice = '{"file":"a.jpg","question":"Is it?","answer":"No"}\n'.repeat(2);
  assert.deepEqual(parseQuestions(twice, "q").map(({ line }) => line), [1, 2], "what comes twice counts twice");
});

const FINE = '{"file":"ok.jpg","captions":["x"],"question":"Q?","answer":"A"}\n';

Deno.test("parseCaptions() and parseQuestions() name file and line of whatever is wrong, and what was wanted", () => {
  const both: [string, RegExp][] = [
    ["{", /the line is no JSON/],
    ["[1]", /must be a JSON object, it is \[1\]/],
    ["null", /it is null/],
    ['{"captions":["x"],"question":"Q","answer":"A"}', /"file" must be a text, it is missing/],
    ['{"file":7}', /it is 7/],
    ['{"file":" "}', /it is " "/],
    ...["/etc/passwd", "../a.jpg", "a/../../b.jpg", "C:/a.jpg", "..\\a.jpg", "a\\b.jpg", "\\\\host\\a"].map((file) =>
      [JSON.stringify({ file }), /within the folder of pictures/] as [string, RegExp]
    ),
  ];
  const captions: [string, RegExp][] = [
    ['{"file":"a.jpg"}', /"captions" must be an array of one text or more, it is missing/],
    ['{"file":"a.jpg","captions":[]}', /it is \[\]/],
    ['{"file":"a.jpg","captions":"x"}', /it is "x"/],
    ['{"file":"a.jpg","captions":["x",""]}', /it is \["x",""\]/],
    [FINE, /the picture "ok\.jpg" is in line 1 already/],
  ];
  const questions: [string, RegExp][] = [
    ['{"file":"a.jpg","answer":"A"}', /"question" must be a text, it is missing/],
    ['{"file":"a.jpg","question":"Q","answer":true}', /"answer" must be a text, it is true/],
    ['{"file":"ok.jpg","question":"Q?","answer":"B"}', /the answer is "B", in line 1 it is "A"/],
  ];
  for (const [parse, cases] of [[parseCaptions, captions], [parseQuestions, questions]] as const) {
    for (const [line, message] of [...both, ...cases]) {
      assert.throws(() => parse(FINE + line, "d.jsonl"), {
        name: "LorisError",
        ...{ code: "file_invalid", param: "d.jsonl" },
        message: new RegExp(`^d\\.jsonl:2: .*${message.source}`),
      }, line);
    }
    assert.throws(() => parse("\n \n", "d.jsonl"), { code: "file_invalid", message: /d\.jsonl has no line/ });
  }
  const long = JSON.stringify({ file: "a.jpg", captions: "x".repeat(1e6) });
  assert.throws(() => parseCaptions(long, "d"), (error: Error) => error.message.length < 300);
});

Deno.test("readCaptions() and readQuestions() find the pictures, and name the line of one that is not there", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/d.jsonl`, FINE);
    await Deno.mkdir(`${folder}/pictures`);
    const missing = { code: "file_invalid", message: /d\.jsonl:1: the picture .*ok\.jpg is not there/ };
    await assert.rejects(readCaptions(`${folder}/d.jsonl`, `${folder}/pictures`), missing);
    await assert.rejects(readQuestions(`${folder}/d.jsonl`, `${folder}/pictures`), missing);
    await Deno.mkdir(`${folder}/pictures/ok.jpg`);
    await assert.rejects(readCaptions(`${folder}/d.jsonl`, `${folder}/pictures`), { message: /is no file/ });
    await Deno.remove(`${folder}/pictures/ok.jpg`);
    await Deno.writeTextFile(`${folder}/pictures/ok.jpg`, "");
    const path = `${folder}/pictures/ok.jpg`;
    assert.deepEqual(await readCaptions(`${folder}/d.jsonl`, `${folder}/pictures`), [
      { file: "ok.jpg", captions: ["x"], line: 1, path },
    ]);
    assert.deepEqual(await readQuestions(`${folder}/d.jsonl`, `${folder}/pictures`), [
      { file: "ok.jpg", question: "Q?", answer: "A", line: 1, path },
    ]);
    await assert.rejects(readCaptions(`${folder}/none.jsonl`, folder), {
      code: "source_failed",
      message: /none\.jsonl/,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "readCaptions() and readQuestions() read the reference data whole",
  ignore: !hasShared("data/captions.jsonl"),
  async fn() {
    const data = (name: string) => fileURLToPath(shared(`data/${name}`));
    const captions = await readCaptions(data("captions.jsonl"), data("captions"));
    assert.deepEqual([captions.length, captions.every((item) => item.captions.length === 5)], [500, true]);
    assert.equal((await readQuestions(data("yesno.jsonl"), data("captions"))).length, 600);
    assert.equal((await readQuestions(data("easyvqa.jsonl"), data("easyvqa"))).length, 300);
  },
});
