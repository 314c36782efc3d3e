import assert from "node:assert/strict";
import { bytesSource } from "../../sdk/sources/bytes.ts";
import { load, type LoadOptions } from "../../sdk/load.ts";
import { fileSource } from "../../sdk/sources/file.ts";
import { httpSource } from "../../sdk/sources/http.ts";
import { DOGS, MIB, MOUNTAIN, open, rejection, sources, streamed, TEXT, VISION, watched } from "./model.ts";
import { memoriesOf } from "./spy.ts";

Deno.test("load() within 64 MiB: the plan, the memories and the report stay under it", async () => {
  const captioner = await load({ ...sources(), memoryBudget: 64 * MIB });
  await captioner.caption(DOGS).result;
  const { peakBytes, weightsBytes, kvBytes, activationBytes } = captioner.memory;
  assert.ok(peakBytes <= 64 * MIB, `${peakBytes} bytes`);
  assert.ok(weightsBytes + kvBytes + activationBytes <= peakBytes);
  assert.equal(captioner.weights, "file");
  assert.equal(kvBytes, 12 * 2 * 192 * 2 * captioner.contextTokens);
});

Deno.test("load() over the budget is refused with every part and the sum, and takes no memory", async () => {
  const memories = await memoriesOf(async () => {
    const { code, message, param } = await rejection(load({ ...sources(), memoryBudget: 20 * MIB }));
    assert.deepEqual([code, param], ["memory_budget", "memoryBudget"]);
    const [, total, sum] = /needed are (\d+) bytes[^:]*: (.+?); the memory budget/.exec(message)!;
    const parts = sum!.split(" + ").map((part) => /^([a-z ]+) (\d+)$/.exec(part)!);
    for (const name of ["weights", "kv cache", "activations", "image tokens", "kernels", "picture decoder"]) {
      assert.ok(parts.some(([, part]) => part === name), `${name} is not in ${sum}`);
    }
    assert.equal(Number(total), parts.reduce((bytes, [, , part]) => bytes + Number(part), 0));
    assert.match(message, /the memory budget is 20971520 bytes/);
  });
  assert.equal(memories.length, 1, "the kernels' own, which the plan asks for its numbers");
  assert.ok(memories[0]!.buffer.byteLength < MIB / 4, `${memories[0]!.buffer.byteLength} bytes`);
});

Deno.test("the model's memory is the plan's to the page, and never grows after load()", async () => {
  let captioner: Awaited<ReturnType<typeof open>> | undefined;
  const memories = await memoriesOf(async () => captioner = await open());
  assert.equal(memories.length, 1);
  const memory = memories[0]!;
  const loaded = memory.buffer.byteLength;
  const { weightsBytes, kvBytes, activationBytes, peakBytes } = captioner!.memory;
  const rest = loaded - weightsBytes - kvBytes - activationBytes;
  assert.ok(rest > 0 && rest < MIB / 4, `${rest} bytes for the kernels' own and the last page`);
  assert.equal(peakBytes, loaded, "no picture was decoded yet");
  for (const image of [DOGS, MOUNTAIN]) await captioner!.caption(image, { detail: "high", temperature: 1 }).result;
  await captioner!.chat([{ role: "user", content: "word ".repeat(200) }], { maxTokens: 20 }).result;
  assert.equal(memory.buffer.byteLength, loaded);
  assert.ok(captioner!.memory.peakBytes > loaded, "the decoder's is counted");
});

Deno.test("contextTokens sets the cache's size; too few for the picture is context_overflow, not a crash", async () => {
  const small = await open({ contextTokens: 64 });
  assert.equal(small.contextTokens, 64);
  assert.equal(small.memory.kvBytes, 12 * 2 * 192 * 2 * 64);
  assert.equal((await rejection(small.caption(DOGS).result)).code, "context_overflow");
  const { text } = await small.chat([{ role: "user", content: "Hello" }], { maxTokens: 4 }).result;
  assert.equal(typeof text, "string");
});

Deno.test("weights of 4, 8 and 16 bits answer, the smaller the less memory; auto makes them smaller to fit", async () => {
  const bytes: number[] = [];
  for (const weights of ["q4-all", "q4", "q8", "f16"] as const) {
    const captioner = await open({ weights, memoryBudget: 192 * MIB });
    assert.match((await captioner.caption(DOGS).result).text, /dog/, weights);
    bytes.push(captioner.memory.weightsBytes);
  }
  assert.deepEqual([...bytes].sort((a, b) => a - b), bytes);
  const squeezed = await open({ memoryBudget: 52 * MIB });
  assert.equal(squeezed.weights, "q4");
  assert.match((await squeezed.caption(DOGS).result).text, /dog/);
});

Deno.test("simd128 and relaxed kernels give the same captions", async () => {
  const texts = [];
  for (const build of ["simd128", "relaxed"] as const) {
    texts.push((await (await open({ build })).caption(DOGS).result).text);
  }
  assert.equal(texts[0], texts[1]);
});

Deno.test("files, HTTP ranges and bytes give the same model", async () => {
  const root = new URL("../../models/nano/", import.meta.url);
  const names = ["nano-text-q4_0.gguf", "nano-mmproj-q8_0.gguf"] as const;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const bytes = request.url.includes("text") ? TEXT : VISION;
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range")!)!.map(Number);
    await Promise.resolve();
    return new Response(bytes.slice(first!, last! + 1), {
      status: 206,
      headers: { "content-range": `bytes ${first}-${last}/${bytes.length}`, etag: '"1"' },
    });
  });
  const url = (name: string) => `http://127.0.0.1:${server.addr.port}/${name}`;
  const files = names.map((name) => fileSource(new URL(name, root).pathname));
  const pairs = [
    sources(),
    { text: files[0]!, vision: files[1]! },
    { text: httpSource(url(names[0])), vision: httpSource(url(names[1])) },
  ];
  const texts = [];
  for (const pair of pairs) texts.push((await (await open(pair)).caption(DOGS).result).text);
  assert.deepEqual(texts, [texts[0], texts[0], texts[0]]);
  await Promise.all(files.map((file) => file.close()));
  await server.shutdown();
});

Deno.test("onProgress counts every byte of the weights once, upwards", async () => {
  const seen: number[] = [];
  let total = 0;
  await open({ onProgress: ({ loadedBytes, totalBytes }) => (seen.push(loadedBytes), total = totalBytes) });
  assert.ok(seen.every((bytes, i) => i === 0 || bytes > seen[i - 1]!));
  assert.equal(seen.at(-1), total);
  assert.ok(total > 50e6 && total < TEXT.length + VISION.length);
});

Deno.test("a source that fails, or a signal that is aborted, at a read of any block of a load ends it with that error", async () => {
  let reads = 0;
  const count = () => void reads++;
  await open({ text: watched(TEXT, "text", count), vision: watched(VISION, "vision", count) });
  assert.ok(reads > 40, `${reads} reads`);
  const reason = new Error("the disk is gone");
  // each one of a smaller pair's is tried in test/faults
  for (let k = 0; k < reads; k += 9) {
    let seen = 0;
    const fail = () => {
      if (seen++ === k) throw reason;
    };
    const broken = { text: watched(TEXT, "text", fail), vision: watched(VISION, "vision", fail) };
    assert.equal(await rejection(open(broken)), reason, `read ${k}`);
    const controller = new AbortController();
    let at = 0;
    const abort = () => {
      if (at++ === k) controller.abort(reason);
    };
    const pair = { text: watched(TEXT, "text", abort), vision: watched(VISION, "vision", abort) };
    assert.equal(await rejection(open({ ...pair, signal: controller.signal })), reason, `abort at read ${k}`);
  }
  assert.match((await (await open()).caption(DOGS).result).text, /dog/);
});

Deno.test("a source with a stream is loaded by it; a stream that ends early or fails ends the load", async () => {
  const chunks = { text: 0, vision: 0 };
  const plain = await (await open()).caption(DOGS).result;
  const pair = {
    text: streamed(TEXT, "text", () => void chunks.text++),
    vision: streamed(VISION, "vision", () => void chunks.vision++),
  };
  assert.equal((await (await open(pair)).caption(DOGS).result).text, plain.text);
  assert.ok(chunks.text > 10 && chunks.vision > 10, JSON.stringify(chunks));
  const reason = new Error("the line is down");
  for (const k of [0, 1, chunks.text - 1]) {
    const failing = streamed(TEXT, "text", (i) => {
      if (i === k) throw reason;
    });
    assert.equal(await rejection(open({ text: failing })), reason, `chunk ${k}`);
    const short = await rejection(open({ text: streamed(TEXT, "text", (i) => i === k ? "end" : undefined) }));
    assert.equal(short.code, "source_failed", `chunk ${k}`);
    assert.match(short.message, /^text: the stream ended at byte \d+/);
  }
});

Deno.test("what is no source is refused with what was given", async () => {
  const bad: [unknown, RegExp][] = [
    [undefined, /`text` is undefined/],
    [null, /`text` is null/],
    ["model.gguf", /`text` is a string/],
    [TEXT, /`text` is Uint8Array/],
    [[], /`text` is an empty list/],
    [[{ name: "x" }], /`text` is a list with something else in it/],
  ];
  for (const [text, message] of bad) {
    const error = await rejection(load({ ...sources(), text: text as never }));
    assert.deepEqual([error.code, error.param], ["argument_invalid", "text"]);
    assert.match(error.message, message);
  }
});

Deno.test("options out of bounds are refused by name", async () => {
  const bad: [Partial<LoadOptions>, string][] = [
    [{ memoryBudget: 0 }, "memoryBudget"],
    [{ memoryBudget: NaN }, "memoryBudget"],
    [{ contextTokens: 1 }, "contextTokens"],
    [{ contextTokens: 1e9 }, "contextTokens"],
    [{ maxImagePixels: -1 }, "maxImagePixels"],
    [{ maxImageBytes: 0.5 }, "maxImageBytes"],
    [{ weights: "q2" as "q4" }, "weights"],
    [{ build: "fast" as "plain" }, "build"],
    [{ vision: undefined as never }, "vision"],
  ];
  for (const [options, param] of bad) {
    const error = await rejection(open(options));
    assert.deepEqual([error.code, error.param], ["argument_invalid", param]);
  }
});

Deno.test("lazy takes the source of a plan's JSON file; what is none is told with its name", async () => {
  const json = (text: string) => bytesSource(new TextEncoder().encode(text), "plan.json");
  const lazy = json(`{ "anchor": [0, 0, 0, 0, 4, 5, 6, 7, 8, 9, 10, 11], "mode": "gla" }`);
  const captioner = await open({ lazy });
  assert.equal(captioner.memory.kvBytes, (24 - 3) * 192 * 2 * 256);
  assert.match((await captioner.caption(DOGS, { maxTokens: 4 }).result).text, /\w/);
  const other = await rejection(open({ lazy: json(`{ "anchor": [0, 0], "mode": "gla" }`) }));
  assert.deepEqual([other.code, other.param], ["argument_invalid", "lazy"]);
  const broken = await rejection(open({ lazy: json("{") }));
  assert.deepEqual([broken.code, broken.param], ["file_invalid", "plan.json"]);
  const large = await rejection(open({ lazy: json(" ".repeat(1 << 17)) }));
  assert.match(large.message, /plan\.json has 131072 bytes/);
});
