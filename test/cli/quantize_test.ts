/** `loris quantize`, as a shell sees it: what it prints, and what it never does to files. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { DOGS, VISION } from "../sdk/model.ts";
import { quantized } from "../sdk/quantize.ts";
import { task } from "./task.ts";

const folder = await Deno.makeTempDir();
const [IN, OUT] = [`${folder}/in.gguf`, `${folder}/out.gguf`];
await Deno.writeFile(IN, VISION);
const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const same = async (path: string, bytes: Uint8Array) => Buffer.from(bytes).equals(await Deno.readFile(path));

Deno.test("loris quantize writes the file, says what became of the tensors, and loris captions with it", async () => {
  const { code, stdout, stderr } = await task("quantize", [IN, OUT, "--type", "q4"]);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    `${OUT}: 13542432 bytes (12.9 MiB), 55 % of the original\n` +
      "    73 tensors Q8_0 to Q4_0: rounded a second time: made of the model's 16-bit file, less would be lost\n" +
      "     1 tensors F16: kept, byte for byte\n" +
      "   124 tensors F32: kept, byte for byte\n",
  );
  assert.ok(await same(OUT, await quantized(VISION, "q4")));
  await Deno.writeFile(`${folder}/photo.jpg`, DOGS);
  const model = ["--text", "models/nano/nano-text-q4_0.gguf", "--vision", OUT];
  const caption = await task("loris", ["caption", `${folder}/photo.jpg`, ...model]);
  assert.match(caption.stdout, /dog/);
  await Deno.remove(`${folder}/photo.jpg`);
});

Deno.test("loris quantize overwrites nothing without --force, and never its input, by whatever name", async () => {
  await Deno.writeTextFile(OUT, "precious");
  const refused = await task("quantize", [IN, OUT, "--type", "q8"]);
  assert.deepEqual([refused.code, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /^usage: .*out\.gguf is there already; .*--force\n$/);
  assert.equal(await Deno.readTextFile(OUT), "precious");
  await Deno.symlink(IN, `${folder}/link.gguf`);
  await Deno.link(IN, `${folder}/hard.gguf`);
  for (
    const name of [IN, `${folder}/../${folder.split("/").at(-1)}/in.gguf`, `${folder}/link.gguf`, `${folder}/hard.gguf`]
  ) {
    const { code, stderr } = await task("quantize", [IN, name, "--type", "q4", "--force"]);
    assert.equal(code, 2);
    assert.match(stderr, /is the file that is read/);
  }
  assert.ok(await same(IN, VISION));
  await Promise.all(["link", "hard"].map((name) => Deno.remove(`${folder}/${name}.gguf`)));
  const forced = await task("quantize", [IN, OUT, "--type", "q8", "--force", "--json"]);
  const { bytes, source_bytes, tensors } = JSON.parse(forced.stdout);
  assert.deepEqual([forced.code, bytes, source_bytes, tensors.length], [0, VISION.length, VISION.length, 198]);
  assert.ok(await same(OUT, VISION), "it was 8 bits already");
});

Deno.test("loris quantize that fails leaves what was there, and no part of a file", async () => {
  await Deno.writeTextFile(OUT, "precious");
  // the last scales of the last matrix are infinite
  const damaged = VISION.slice();
  damaged.fill(0x7c, damaged.length - 2_000_000);
  await Deno.writeFile(`${folder}/damaged.gguf`, damaged);
  const { code, stderr } = await task("quantize", [`${folder}/damaged.gguf`, OUT, "--type", "q4", "--force"]);
  assert.equal(code, 1);
  assert.match(stderr, /^file_invalid: .*damaged\.gguf: .* holds a weight that is not a finite number/);
  assert.equal(await Deno.readTextFile(OUT), "precious");
  await Deno.remove(`${folder}/damaged.gguf`);
  assert.deepEqual(names(), ["in.gguf", "out.gguf"]);
  const nowhere = await task("quantize", [IN, `${folder}/no/out.gguf`, "--type", "q4"]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /^argument_invalid: .*no\/out\.gguf cannot be written: ENOENT/);
  const text = await task("quantize", ["README.md", `${folder}/x.gguf`, "--type", "q4"]);
  assert.match(text.stderr, /^file_invalid: README\.md: the file does not begin with "GGUF"/);
  assert.deepEqual(names(), ["in.gguf", "out.gguf"]);
  await Deno.remove(folder, { recursive: true });
});
