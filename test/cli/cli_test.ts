/** The command line as a shell sees it: what is printed where, and the exit status. */
import assert from "node:assert/strict";
import { parseArguments } from "../../src/cli/args.ts";

const root = new URL("../../", import.meta.url);
const DOGS = "examples/photos/dogs_at_window.jpg";
const MOUNTAIN = "examples/photos/mountain_path.jpg";
const NANO = ["models/nano/nano-text-q4_0.gguf", "models/nano/nano-mmproj-q8_0.gguf"] as const;

/** `deno task loris`, with the very permissions that the task gives. */
const TASK: string = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))).tasks.loris;
const [program, run, ...taskArgs] = TASK.split(" ");
assert.deepEqual([program, run], ["deno", "run"]);

function start(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...taskArgs, ...args],
    cwd: root,
    ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function loris(args: readonly string[], input = ""): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = start(args);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("loris ask answers the question about the picture", async () => {
  const { code, stdout } = await loris(["ask", MOUNTAIN, "What objects are in this image?"]);
  assert.deepEqual([code, stdout], [0, "Mountain, rock.\n"]);
});

Deno.test("loris caption --prompt of a folder names each picture, with failures in the others' midst", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.copyFile(new URL(DOGS, root), `${folder}/a.jpg`);
  await Deno.writeTextFile(`${folder}/b.png`, "no picture");
  await Deno.copyFile(new URL(MOUNTAIN, root), `${folder}/c.jpg`);
  const { code, stdout, stderr } = await loris(["caption", folder, "--prompt", "What objects are in this image?"]);
  assert.equal(code, 1);
  assert.equal(stdout, `${folder}/a.jpg: Dog.\n${folder}/c.jpg: Mountain, rock.\n`);
  assert.match(stderr, /b\.png: image_invalid: not a JPEG.*\n$/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("loris caption --json prints the documented keys and numbers, and nothing else", async () => {
  const { code, stdout } = await loris(["caption", "--json", "--memory-budget", "64MiB", "--max-tokens", "5", DOGS]);
  assert.equal(code, 0);
  const line = JSON.parse(stdout);
  assert.deepEqual(Object.keys(line), [
    ...["file", "caption", "finish_reason", "usage", "timings", "memory", "backend", "backend_reason"],
  ]);
  assert.deepEqual(Object.keys(line.usage), ["prompt_tokens", "completion_tokens", "image_tokens"]);
  assert.deepEqual(Object.keys(line.timings), [
    ...["load_ms", "decode_image_ms", "vision_ms", "prefill_ms", "per_token_ms"],
  ]);
  assert.deepEqual(Object.keys(line.memory), [
    ...["peakBytes", "weightsBytes", "kvBytes", "qCacheBytes", "activationBytes"],
  ]);
  assert.deepEqual([line.file, line.finish_reason, line.usage.completion_tokens], [DOGS, "length", 5]);
  for (const group of [line.usage, line.timings, line.memory]) {
    for (const [key, value] of Object.entries(group)) assert.ok(Number.isFinite(value) && value as number >= 0, key);
  }
  for (const [key, ms] of Object.entries(line.timings)) assert.ok(ms as number > 0, key);
  assert.ok(line.memory.peakBytes < 64 * 2 ** 20);
  assert.match(line.backend, /^wasm-(relaxed|simd128)$/);
  assert.equal(line.backend_reason, "wasm: asked for");
});

Deno.test("loris caption --json of several pictures is one object a line, failures on standard error alone", async () => {
  const args = ["caption", "--json", "--max-tokens", "4", DOGS, "README.md", "nowhere.jpg", MOUNTAIN];
  const { code, stdout, stderr } = await loris(args);
  assert.equal(code, 1);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.file), [DOGS, MOUNTAIN]);
  for (const line of lines) assert.equal(line.caption, line.caption.trim());
  const failures = stderr.split("\n").filter((line) => /^(README\.md|nowhere\.jpg): /.test(line));
  assert.match(failures[0]!, /^README\.md: image_invalid: /);
  assert.match(failures[1]!, /^nowhere\.jpg: source_failed: the file cannot be read/);
  assert.equal(failures.length, 2);
});

Deno.test("loris caption takes --detail, --weights, --context and --kernels", async () => {
  const args = [
    "caption",
    DOGS,
    "--json",
    "--max-tokens",
    "3",
    "--detail",
    "high",
    "--weights",
    "q4",
    "--context",
    "128",
  ];
  const { code, stdout } = await loris([...args, "--kernels", "simd128"]);
  assert.equal(code, 0);
  const { memory, backend } = JSON.parse(stdout);
  assert.equal(backend, "wasm-simd128");
  assert.equal(memory.kvBytes, 12 * 2 * 192 * 2 * 128);
  const whole = JSON.parse((await loris(["caption", DOGS, "--json", "--max-tokens", "3"])).stdout);
  assert.ok(memory.weightsBytes < whole.memory.weightsBytes);
});

Deno.test("loris caption with --text and --vision, and with --model, is the embedded model's caption", async () => {
  const model = [["--text", NANO[0], "--vision", NANO[1]], ["--model", "models/nano"], []];
  const answers = [];
  for (const args of model) answers.push((await loris(["caption", DOGS, ...args])).stdout);
  assert.match(answers[0]!, /dog/);
  assert.deepEqual(answers, [answers[0], answers[0], answers[0]]);
});

Deno.test("loris chat takes a turn a line, pictures by /image, and starts again by /new", async () => {
  const question = "What objects are in this image?\n";
  const input = `/image ${MOUNTAIN}\n${question}/new\n/image ${DOGS}\n${question}/image nowhere.jpg\n`;
  const { code, stdout, stderr } = await loris(["chat"], input);
  assert.equal(stdout, "Mountain, rock.\nDog.\n");
  assert.equal(code, 1, "one picture could not be read");
  assert.match(stderr, /source_failed: nowhere\.jpg cannot be read/);
});

Deno.test("Ctrl-C ends a chat that waits for a line, with status 130", async () => {
  const child = start(["chat"]);
  const loaded = child.stderr.getReader();
  // "loaded ..." is written when the model is there and the chat begins to wait
  assert.match(new TextDecoder().decode((await loaded.read()).value), /^loaded /);
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const { code, signal } = await child.status;
  clearTimeout(timer);
  assert.deepEqual([code, signal], [130, null]);
  let rest = "";
  for (let part = await loaded.read(); !part.done; part = await loaded.read()) {
    rest += new TextDecoder().decode(part.value);
  }
  assert.equal(rest, "AbortError: interrupted\n");
  await child.stdin.close().catch(() => {});
  await child.stdout.cancel();
});

Deno.test("a reader that leaves ends the command at once, without a stack trace", async () => {
  const child = start(["caption", "--json", "--max-tokens", "2", DOGS, DOGS, DOGS, DOGS]);
  const [reader, errors] = [child.stdout.getReader(), new Response(child.stderr).text()];
  await reader.read();
  await reader.cancel();
  assert.equal((await child.status).code, 141);
  assert.doesNotMatch(await errors, /EPIPE|at /);
  await child.stdin.close().catch(() => {});
});

Deno.test("--visual-tokens says how many image tokens stay, how they are chosen, and what becomes of the rest", async () => {
  const option = (text: string) => parseArguments(["caption", DOGS, "--visual-tokens", text]).visualTokens;
  assert.deepEqual(option("16"), { keep: 16, by: "attention", seed: 0, merge: true });
  assert.deepEqual(option("16,drop"), { keep: 16, by: "attention", seed: 0, merge: false });
  assert.deepEqual(option("9,random"), { keep: 9, by: "random", seed: 0, merge: true });
  assert.deepEqual(option("9,random=7,drop"), { keep: 9, by: "random", seed: 7, merge: false });
  const { stdout } = await loris(["caption", DOGS, "--json", "--max-tokens", "3", "--visual-tokens", "9,random=7"]);
  assert.equal(JSON.parse(stdout).usage.image_tokens, 9);
});

Deno.test("loris inspect lists a file's tensors and types, and judges a pair", async () => {
  const one = await loris(["inspect", NANO[0]]);
  assert.equal(one.code, 0);
  for (const part of ["GGUF version 3", "llama.block_count = 12", "blk.11.ffn_down.weight", "Q4_0", "84 tensors"]) {
    assert.ok(one.stdout.includes(part), part);
  }
  const fits = await loris(["inspect", ...NANO, "--memory-budget", "64MiB"]);
  assert.equal(fits.code, 0);
  assert.match(
    fits.stdout,
    /\nfits: the budget is 67108864 bytes .*\nweights "file", vision model resident, \d+ tokens/,
  );
  const not = await loris(["inspect", NANO[1], NANO[0], "--memory-budget", "20MiB", "--json"]);
  assert.equal(not.code, 1);
  const { fit, files } = JSON.parse(not.stdout);
  assert.equal(fit.fits, false);
  assert.match(fit.reason, /the memory budget is 20971520 bytes/);
  assert.deepEqual(files.map((f: { tensors: unknown[] }) => f.tensors.length), [198, 110]);
});

Deno.test("loris inspect shows what a lazy plan and an 8-bit cache make of the bytes", async () => {
  const kvBytes = async (...options: string[]) => {
    const { code, stdout, stderr } = await loris(["inspect", ...NANO, "--json", "--context", "1024", ...options]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).fit.parts.find(({ name }: { name: string }) => name === "kv cache").bytes;
  };
  const dense = await kvBytes();
  assert.equal(dense, 2 * 12 * 1024 * 192 * 2);
  assert.equal(await kvBytes("--lazy", "gla"), dense * 0.625);
  assert.equal(await kvBytes("--lazy", "vla", "--text-tokens", "512"), (2 * 12 * 1024 - 9 * 512) * 192 * 2);
  assert.ok(await kvBytes("--lazy", "gla", "--kv", "q8") < dense * 0.4);
});

Deno.test("mistakes of usage end with status 2 and one line that says what is wrong", async () => {
  const mistakes: [string[], RegExp][] = [
    [[], /no command/],
    [["fly"], /unknown command "fly"/],
    [["caption"], /needs one picture/],
    [["ask", DOGS], /takes a picture and a question/],
    [["caption", DOGS, "--detail", "medium"], /--detail is "medium", it must be low or high/],
    [["caption", DOGS, "--memory-budget", "lots"], /such as 64MiB/],
    [["caption", DOGS, "--max-tokens", "0"], /whole number from 1/],
    [["caption", DOGS, "--temperature", "hot"], /must be a number/],
    [["caption", DOGS, "--text", "a.gguf"], /--text and --vision go together/],
    [["caption", DOGS, "--model", ".", "--text", "a", "--vision", "b"], /not both/],
    [["caption", DOGS, "--colour"], /--colour/],
    [["inspect"], /takes one GGUF file/],
    [["inspect", "a", "b", "c"], /takes one GGUF file/],
    [["chat", DOGS, MOUNTAIN], /one picture at most/],
    [["ask", DOGS, "What?", "--prompt", "Why?"], /by --prompt/],
    [["caption", DOGS, "--seed", "1.5"], /--seed is "1\.5"/],
    [["caption", DOGS, "--seed", "-1"], /'--seed' argument is ambiguous.* use '--seed=-XYZ'/],
    [["caption", DOGS, "--seed=-1"], /whole number from 0/],
    [["caption", DOGS, "--context", "2"], /whole number from 8/],
    [["caption", DOGS, "--weights", "q2"], /--weights is "q2"/],
    [["caption", DOGS, "--kv", "q4"], /--kv is "q4", it must be f16 or q8 or f32/],
    [["caption", DOGS, "--text-tokens", "few"], /--text-tokens is "few"/],
    [["caption", DOGS, "--visual-tokens", "few"], /--visual-tokens is "few", it must be N or N,random/],
    [["caption", DOGS, "--visual-tokens", "8,drop,random"], /--visual-tokens is "8,drop,random"/],
    [["caption", DOGS, "--memory-budget"], /memory-budget/],
    [["inspect", NANO[0], "--memory-budget", "1MB", "--budget", "2MB"], /--budget is short for --memory-budget/],
    [["quantize", NANO[0], "--type", "q4"], /quantize takes IN\.gguf, OUT\.gguf and --type q4\|q8/],
    [["quantize", NANO[0], "out.gguf"], /quantize takes IN\.gguf, OUT\.gguf and --type/],
    [["quantize", NANO[0], "out.gguf", "--type", "q5"], /--type is "q5", it must be q4 or q8/],
  ];
  for (const [args, message] of mistakes) {
    const { code, stdout, stderr } = await loris(args);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    assert.match(stderr, message);
    assert.match(stderr, /^usage: [^\n]+\n$/);
  }
});

Deno.test("a model, file or option value that will not do ends with status 1 and its code", async () => {
  const failures: [string[], RegExp][] = [
    [["caption", DOGS, "--model", "nowhere"], /^argument_invalid: nowhere is not there/],
    [["caption", DOGS, "--model", "examples/photos"], /holds 0 \(none\) and 0 \(none\)/],
    [["caption", DOGS, "--text", NANO[1], "--vision", NANO[0]], /^pair_mismatch: /],
    [["caption", DOGS, "--memory-budget", "10MiB"], /^memory_budget: needed are/],
    [["caption", DOGS, "--text", NANO[0], "--vision", "nowhere.gguf"], /^source_failed: .*nowhere\.gguf/],
    [["caption", "sdk"], /^argument_invalid: sdk holds no pictures/],
    [["caption", DOGS, "--temperature=-1"], /argument_invalid: temperature must be/],
    [["caption", DOGS, "--max-tokens", "9999"], /context_overflow: the prompt has \d+ tokens/],
    [["caption", DOGS, "--visual-tokens", "65"], /^argument_invalid: visualTokens is 65, .* from 1 to 64/],
    [["inspect", "nowhere.gguf"], /^source_failed: .*nowhere\.gguf/],
    [["inspect", "README.md"], /^file_invalid: README\.md: the file does not begin with "GGUF"/],
  ];
  for (const [args, message] of failures) {
    const { code, stdout, stderr } = await loris(args);
    assert.deepEqual([code, stdout], [1, ""], stderr);
    const errors = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("loaded "));
    assert.equal(errors.length, 1, stderr);
    assert.match(errors[0]!, message);
  }
});

Deno.test("--help and --version print and end with 0; a seed repeats a sampled answer", async () => {
  assert.match((await loris(["--help"])).stdout, /loris caption PICTURE/);
  assert.match((await loris(["--version"])).stdout, /^loris \d+\.\d+\.\d+\n$/);
  const sampled = ["caption", DOGS, "--temperature", "1.2", "--seed", "7", "--max-tokens", "10"];
  const [a, b] = [await loris(sampled), await loris(sampled)];
  assert.deepEqual([a.code, a.stdout], [0, b.stdout]);
});

Deno.test("loris ask --vision-weights streamed reads the file for each picture, and closes it at the end", async () => {
  const args = ["ask", MOUNTAIN, "What objects are in this image?", "--vision-weights", "streamed"];
  const { code, stdout } = await loris(args);
  assert.deepEqual([code, stdout], [0, "Mountain, rock.\n"]);
  const wrong = await loris([...args.slice(0, 3), "--vision-weights", "ring"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--vision-weights.*ring/);
});
