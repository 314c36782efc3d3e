/** The parts of `deno task bench:service`, and the service asked once over HTTP beside the captioner. */
import assert from "node:assert/strict";
import { ImageDecoder } from "../../sdk/image/decoder.ts";
import { openCaptioner } from "./service/direct.ts";
import { openAiRequest, startService } from "./service/http.ts";
import { cpuMs } from "./service/process.ts";
import { chart, gainOf, markdown, type ServiceReport } from "./service/report.ts";
import { checkEqual, measureWorkload, type Row, runAll } from "./service/rounds.ts";
import type { Target } from "./service/target.ts";
import { type Asked, workloads } from "./service/workloads.ts";
import { withComment } from "./with_comment.ts";

const PHOTO = await Deno.readFile(new URL("../../examples/photos/chelsea.jpg", import.meta.url));
const asked = (seed: number): Asked => ({ messages: [], maxTokens: 1, temperature: 0, seed });

/** A target that answers with the seed after some milliseconds, and keeps how many questions it had at once. */
function echo(name: string, wrongAt?: number): Target & { readonly seen: { most: number; seeds: number[] } } {
  const seen = { most: 0, seeds: [] as number[] };
  let inside = 0;
  return {
    ...{ name, seen, cpuMs: () => Promise.resolve(undefined), close: () => Promise.resolve() },
    async ask({ seed }) {
      seen.most = Math.max(seen.most, ++inside);
      seen.seeds.push(seed);
      await new Promise((resolve) => setTimeout(resolve, 2));
      const text = inside === wrongAt ? "else" : `answer ${seed}`;
      inside--;
      return { text, completionTokens: 3, cachedTokens: 1, firstMs: 1, totalMs: 5 };
    },
  };
}

Deno.test("withComment() makes another file with the same pixels, and takes JPEG files alone", async () => {
  const module = await WebAssembly.compile(await Deno.readFile(new URL("../../sdk/image/image.wasm", import.meta.url)));
  const decoder = new ImageDecoder(module, { maxMemoryBytes: 64 << 20, maxPixels: 50e6 });
  const other = withComment(PHOTO, "1 2");
  assert.equal(other.length, PHOTO.length + 7);
  assert.notDeepEqual(withComment(PHOTO, "1 3"), other);
  assert.deepEqual(decoder.decode(other, 64, 64), decoder.decode(PHOTO, 64, 64));
  assert.throws(() => withComment(new Uint8Array([0x89, 0x50]), ""), RangeError);
});

Deno.test("workloads(): a run's pictures are those of no other run, follow-ups have one picture that was asked of before", () => {
  const [text, captions, followUps] = workloads([PHOTO]);
  const image = ({ messages: [message] }: Asked) => {
    const part = typeof message!.content === "string" ? undefined : message!.content[0];
    return part?.type === "image" ? String(part.image) : undefined;
  };
  const images = [1, 2].flatMap((run) => captions!.requests(run).map(image));
  assert.equal(new Set(images).size, 16);
  const one = new Set([...followUps!.before!(3), ...followUps!.requests(3)].map(image));
  assert.equal(one.size, 1);
  assert.notEqual(image(followUps!.requests(4)[0]!), [...one][0]);
  assert.deepEqual(text!.requests(1), text!.requests(2));
  assert.equal(new Set(text!.requests(1).map(({ seed }) => seed)).size, 8);
});

Deno.test("runAll() asks everything once, as many at a time as are told, and keeps the answers in order", async () => {
  for (const atOnce of [1, 3]) {
    const target = echo("x");
    const { answers } = await runAll(target, [0, 1, 2, 3, 4].map(asked), atOnce);
    assert.deepEqual(answers.map(({ text }) => text), [0, 1, 2, 3, 4].map((seed) => `answer ${seed}`));
    assert.equal(target.seen.most, atOnce);
    assert.equal(target.seen.seeds.length, 5);
  }
});

Deno.test("measureWorkload() measures each target at each number, and throws where an answer is another one", async () => {
  const workload = { name: "w", about: "w", requests: () => [0, 1, 2, 3, 4, 5, 6, 7].map(asked) };
  const targets = [echo("a"), echo("b")];
  const table = await measureWorkload(workload, targets, 2);
  assert.deepEqual(table.rows.map(({ target, atOnce }) => `${target} ${atOnce}`), [
    ...["a 1", "b 1", "a 2", "b 2", "a 4", "b 4", "a 8", "b 8"],
  ]);
  for (const row of table.rows) {
    assert.deepEqual([row.firstMs, row.perTokenMs, row.completionTokens, row.cpuMs], [1, 2, 24, undefined]);
  }
  // three runs of each of four numbers
  assert.equal(targets[0]!.seen.seeds.length, 3 * 4 * 8);
  await assert.rejects(measureWorkload(workload, [echo("a", 8)], 1), /w, request \d, a, 8 at once: got "else"/);
  const answer = { text: "t", completionTokens: 2 };
  assert.throws(() => checkEqual("w", "x", [answer], [{ ...answer, completionTokens: 3 }]), /request 0/);
});

Deno.test("cpuMs() adds the user's and the system's hundredths of a second, whatever the process is called", () => {
  const stat = `7 (a) b (c) S ${Array.from({ length: 10 }, (_, i) => i).join(" ")} 250 50 9 9`;
  assert.equal(cpuMs(stat), 3000);
  assert.equal(cpuMs(""), undefined);
});

Deno.test("gainOf(), markdown() and chart() set throughput beside that of one after another", () => {
  const row = (atOnce: number, wallMs: number, cpuMs: number | undefined): Row => ({
    ...{ target: "HTTP", atOnce, firstMs: 10, perTokenMs: 3, wallMs, cpuMs, completionTokens: 800, cachedTokens: 0 },
  });
  const rows = [row(1, 4000, 4200), row(8, 1600, 1400)];
  assert.deepEqual(gainOf(rows, rows[1]!), { wall: 2.5, cpu: 3 });
  assert.equal(gainOf([row(1, 1, undefined)], rows[0]!).cpu, undefined);
  assert.throws(() => gainOf([rows[1]!], rows[1]!), RangeError);
  const alone = [row(1, 3900, 4000), row(8, 1500, 1400)].map((r) => ({ ...r, target: "captioner alone" }));
  const report: ServiceReport = {
    ...{ date: "2000-01-01", machine: "m", versions: {}, conversations: 8, contextTokens: 512, rounds: 1 },
    workloads: [{ name: "text", about: "questions", requests: 8, rows: [...rows, ...alone] }],
    steps: [1, 8].map((conversations) => ({ conversations, stepMs: 4 * conversations, ms: { linear: 3, add: 0.001 } })),
    cold: { listensMs: 500, firstMs: 300, totalMs: 400, idleBytes: 100 * 2 ** 20, usedBytes: undefined },
    peakBytes: [200 * 2 ** 20],
  };
  const page = markdown(report);
  assert.match(page, /^\| HTTP \| 8 \| 10 \| 3\.00 \| 500 \| 5\.00 \| 2\.50 \| 5\.71 \| 3\.00 \| 0 \|$/m);
  assert.match(page, /^\| text \| 2\.50 \| 3\.00 \| 2\.60 \| 2\.86 \| 1\.05 \| 1\.00 \| reached \|$/m);
  assert.match(page, /^\| it listens \| 100 MiB \|$/m);
  assert.match(page, /^\| after one caption \| not told here \|$/m);
  assert.match(page, /^\| linear \| 3\.00 \| 3\.00 \|$/m);
  assert.ok(!page.includes("| add |"), "what takes no time has no row");
  assert.match(chart(report), /text, 8 at once.*2\.50 x, 5\.00 requests\/s/s);
});

Deno.test("startService() and openCaptioner() give the same answers to the same questions, the service's over HTTP", async () => {
  const [text, captions] = workloads([PHOTO]);
  const few = [{ ...text!.requests(1)[3]!, maxTokens: 12 }, captions!.requests(1)[0]!];
  assert.match(JSON.stringify(openAiRequest(few[1]!)), /"url":"data:image\/jpeg;base64,\/9j/);
  const [service, captioner] = [await startService(2, 256), await openCaptioner(2, 256)];
  try {
    const [over, alone] = [await runAll(service, few, 2), await runAll(captioner, few, 1)];
    checkEqual("some", "HTTP", over.answers, alone.answers);
    assert.ok(over.answers.every(({ text, firstMs, totalMs }) => text !== "" && firstMs > 0 && totalMs >= firstMs));
    await assert.rejects(service.ask({ ...few[0]!, maxTokens: 4096 }), /answered 400/);
    // Linux tells it, and Deno to those alone that may do everything
    const memory = await service.memory();
    assert.ok(memory === undefined || memory.peakBytes > 50e6);
  } finally {
    await service.close();
    await captioner.close();
  }
});
