import assert from "node:assert/strict";
import { journalLine, parseJournal } from "../../sdk/evaluate/journal.ts";
import { inFolder } from "../folder.ts";
import { Journal } from "../../src/cli/journal.ts";

interface Result {
  text: string;
  nats: number;
}
const isResult = (value: unknown): value is Result =>
  typeof (value as Result)?.text === "string" && typeof (value as Result).nats === "number";

const entry = (configuration: string, item: string, text = "a", nats = 0.5) => ({
  ...{ configuration, item },
  result: { text, nats },
});
const ENTRIES = [
  entry("dense", "1.jpg", "Ein Hündchen läuft 🐕"),
  entry("gla", "1.jpg"),
  entry("gla", "2.jpg", "x\ny"),
];
const BYTES = new TextEncoder().encode(ENTRIES.map((one) => journalLine(one, isResult)).join(""));

const withJournal = (test: (path: string) => void | Promise<void>) =>
  inFolder((folder) => test(`${folder}/journal.jsonl`));

/** Lines that end before a byte. */
const wholeLines = (length: number) => BYTES.subarray(0, length).filter((byte) => byte === 10).length;

Deno.test("parseJournal() of a journal torn at any byte gives just the whole lines", () => {
  for (let length = 0; length <= BYTES.length; length++) {
    const { entries, wholeBytes } = parseJournal(BYTES.subarray(0, length), "j", isResult);
    const whole = wholeLines(length);
    assert.deepEqual([...entries.values()], ENTRIES.slice(0, whole), `${length} bytes`);
    assert.equal(wholeLines(wholeBytes), whole);
    assert.ok(wholeBytes <= length && (wholeBytes === 0 || BYTES[wholeBytes - 1] === 10));
  }
});

Deno.test("parseJournal() refuses whole lines that are none of the work, with file and line", () => {
  const wrong: [string, RegExp][] = [
    ["", /no JSON/],
    ["{", /no JSON/],
    ["null", /no "configuration" and "item"/],
    ['{"item":"1"}', /no "configuration" and "item"/],
    ['{"configuration":"gla","item":"9","result":{"text":"a"}}', /the result is none of this work/],
    [journalLine(ENTRIES[1]!, isResult).trim(), /\["gla","1\.jpg"\] is in the journal twice/],
  ];
  for (const [line, message] of wrong) {
    const bytes = Uint8Array.from([...BYTES, ...new TextEncoder().encode(`${line}\n`)]);
    assert.throws(() => parseJournal(bytes, "j.jsonl", isResult), {
      code: "file_invalid",
      message: new RegExp(`^j\\.jsonl:4: .*${message.source}`),
    });
  }
});

Deno.test("journalLine() refuses a result that JSON would change", () => {
  assert.throws(() => journalLine(entry("gla", "1.jpg", "a", NaN), isResult), {
    code: "argument_invalid",
    message: /1\.jpg cannot be kept/,
  });
});

Deno.test("Journal goes on where a run ended, at whatever byte that was", () =>
  withJournal((path) => {
    for (let length = 0; length <= BYTES.length; length += 7) {
      Deno.writeFileSync(path, BYTES.subarray(0, length));
      const journal = new Journal(path, isResult);
      const done = ENTRIES.filter(({ configuration, item }) => journal.get(configuration, item) !== undefined);
      assert.equal(done.length, wholeLines(length));
      for (const one of ENTRIES.slice(done.length)) journal.add(one);
      journal.close();
      assert.deepEqual(Deno.readFileSync(path), BYTES, `cut to ${length}`);
    }
  }));

Deno.test("Journal gives results by configuration and item, written ones and read ones", () =>
  withJournal((path) => {
    const journal = new Journal(path, isResult);
    assert.equal(journal.get("dense", "1.jpg"), undefined);
    for (const one of ENTRIES) journal.add(one);
    assert.throws(() => journal.add(ENTRIES[2]!), { code: "argument_invalid", message: /has a result of \["gla","2/ });
    assert.throws(() => journal.add(entry("gla", "3.jpg", "a", Infinity)), { code: "argument_invalid" });
    for (const open of [journal, new Journal(path, isResult)]) {
      assert.deepEqual(open.get("gla", "2.jpg"), ENTRIES[2]!.result);
      assert.equal(open.get("gla", "3.jpg"), undefined);
      assert.equal(open.get("dense", "2.jpg"), undefined);
      assert.deepEqual(open.results("gla"), ENTRIES.slice(1));
      open.close();
    }
  }));

Deno.test("Journal says which file cannot be opened, or is no journal, and leaves that one as it is", () =>
  withJournal((path) => {
    assert.throws(() => new Journal(`${path}/no/such`, isResult), {
      code: "source_failed",
      message: /no\/such cannot/,
    });
    Deno.writeTextFileSync(path, "my notes\nmore");
    assert.throws(() => new Journal(path, isResult), { code: "file_invalid", message: /journal\.jsonl:1: / });
    assert.equal(Deno.readTextFileSync(path), "my notes\nmore");
  }));

/** In a process that may write files of 2 KiB at most, a disk that is full. Where it may write more, nothing is said. */
const FULL_DISK = `
  const { Journal } = await import(Deno.args[0]);
  const journal = new Journal(Deno.args[1], (value) => typeof value === "string");
  for (const [i, length] of [300, 300, 3000, 300].entries()) {
    try {
      journal.add({ configuration: "c", item: String(i), result: "x".repeat(length) });
      console.log(i, "kept");
    } catch (error) {
      console.log(i, error.code, /cannot be written/.test(error.message));
    }
  }`;

Deno.test({
  name: "Journal takes back the part of a line that a full disk held, and the next line is a line",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withJournal(async (path) => {
      const module = new URL("../../src/cli/journal.ts", import.meta.url).href;
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: [
          ...["-c", `trap '' XFSZ; ulimit -f 2; exec "$0" eval --quiet --no-lock "$1" "$2" "$3"`],
          ...[Deno.execPath(), FULL_DISK, module, path],
        ],
        env: { NO_COLOR: "1" },
      }).output();
      const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(out, "0 kept\n1 kept\n2 source_failed true\n3 kept\n", errors);
      const journal = new Journal(path, (value): value is string => typeof value === "string");
      assert.deepEqual(journal.results("c").map(({ item, result }) => [item, result.length]), [
        ["0", 300],
        ["1", 300],
        ["3", 300],
      ]);
      journal.close();
    }),
});
