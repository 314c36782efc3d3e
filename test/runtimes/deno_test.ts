/** The command line in a Deno of its own: what a user's shell sees. */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const PHOTO = "examples/photos/dogs_at_window.jpg";

async function loris(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-env", "src/cli.ts", ...args],
    cwd: root,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function assertNumbers(record: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const value = record[name];
    assert.ok(typeof value === "number" && Number.isFinite(value) && value >= 0, `${name} is ${value}`);
  }
}

Deno.test("loris caption (Deno) prints a sentence and exits with 0", async () => {
  const { code, stdout, stderr } = await loris("caption", PHOTO);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /[A-Z][a-z]*( [a-z]+){3,}/);
});

Deno.test("loris caption --json (Deno) prints one whole object a line and nothing else", async () => {
  const { code, stdout, stderr } = await loris("caption", "--json", PHOTO, "examples/photos/astronaut.jpg");
  assert.equal(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ file }) => file), [PHOTO, "examples/photos/astronaut.jpg"]);
  for (const line of lines) {
    assert.ok(line.caption.split(" ").length > 3, line.caption);
    assert.ok(["stop", "length"].includes(line.finish_reason), line.finish_reason);
    assert.equal(line.usage.image_tokens, 64);
    assert.ok(line.usage.prompt_tokens > line.usage.image_tokens);
    assertNumbers(line.usage, ["prompt_tokens", "completion_tokens", "image_tokens"]);
    assertNumbers(line.timings, ["load_ms", "decode_image_ms", "vision_ms", "prefill_ms", "per_token_ms"]);
    assertNumbers(line.memory, ["peakBytes", "weightsBytes", "kvBytes", "qCacheBytes", "activationBytes"]);
    assert.match(line.backend, /^wasm-(relaxed|simd128|plain)$/);
  }
});

Deno.test("loris caption (Deno) goes on after a picture that fails, and exits with 1", async () => {
  const { code, stdout, stderr } = await loris("caption", "--json", "LICENSE", PHOTO);
  assert.equal(code, 1);
  assert.match(stderr, /image_(invalid|unsupported)/);
  const good = stdout.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ caption }) => caption);
  assert.deepEqual(good.map(({ file }) => file), [PHOTO]);
});

Deno.test("loris (Deno) exits with 2 on wrong usage", async () => {
  const { code, stdout, stderr } = await loris("caption", "--no-such-option", PHOTO);
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
});
