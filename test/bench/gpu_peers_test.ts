import assert from "node:assert/strict";
import { exists } from "./command.ts";
import { generateModel, type ModelShape, modelTensors } from "./generate_model.ts";
import { compare, distance, worksOf } from "./gpu/peers/compare.ts";
import { openDevice } from "./gpu/peers/device.ts";
import { type Kind, Linears } from "./gpu/peers/linears.ts";
import { openLoris } from "./gpu/peers/loris.ts";
import { Graph, type OnnxType } from "./gpu/peers/onnx.ts";
import { loadRuntime, openOnnxruntime } from "./gpu/peers/onnxruntime.ts";
import { Message } from "./gpu/peers/protobuf.ts";
import { FOLDER } from "./peers/install.ts";

const SHAPE: ModelShape = {
  text: { layers: 2, width: 192, heads: 3, kvHeads: 1, hidden: 256, vocabulary: 8196 },
  vision: { layers: 2, width: 128, heads: 2, hidden: 256, side: 64, patch: 16, shuffle: 2 },
};

Deno.test("Message is written as Protocol Buffers' encoding says", () => {
  const hex = (message: Message) => message.encoded().toHex();
  // the examples of its documentation
  assert.equal(hex(new Message().int(1, 150)), "089601");
  assert.equal(hex(new Message().text(2, "testing")), "120774657374696e67");
  assert.equal(hex(new Message().message(3, new Message().int(1, 150))), "1a03089601");
  assert.equal(hex(new Message().int(20, 0).float(2, 1)), "a00100150000803f");
  assert.equal(hex(new Message().int(1, 2 ** 40)), "08808080808020");
});

/** A graph that shows what it was given. */
class Shown extends Graph {
  readonly constants: { readonly shape: readonly number[]; readonly data: ArrayBufferView }[] = [];

  override constant(type: OnnxType, shape: readonly number[], data: ArrayBufferView): string {
    this.constants.push({ shape, data });
    return super.constant(type, shape, data);
  }
}

Deno.test("Linears gives 4-bit blocks and floats that stand for the same matrix, rows in the order asked for", () => {
  const reversed = (row: number) => 191 - row;
  const constantsOf = (kind: Kind) => {
    const graph = new Shown();
    new Linears(graph, kind, modelTensors(SHAPE, "Q4_0")).linear("x", "blk.1.attn_q.weight", reversed);
    return graph.constants;
  };
  const [nibbles, scales] = constantsOf("q4") as [{ shape: number[]; data: Uint8Array }, { data: Float32Array }];
  const [dense] = constantsOf("fp16") as [{ shape: number[]; data: Float16Array }];
  assert.deepEqual([nibbles.shape, dense.shape], [[192, 6, 16], [192, 192]]);
  for (let row = 0; row < 192; row++) {
    for (let i = 0; i < 192; i++) {
      const element = row * 192 + i;
      const nibble = nibbles.data[element >> 1]! >> 4 * (element & 1) & 15;
      const wanted = Math.f16round((nibble - 8) * scales.data[element >> 5]!);
      assert.equal(dense.data[i * 192 + row], wanted, `row ${row}, element ${i}`);
    }
  }
});

Deno.test("Linears refuses a tensor that is missing", () => {
  const linears = new Linears(new Graph(), "q4", modelTensors(SHAPE, "Q4_0"));
  assert.throws(() => linears.linear("x", "blk.2.attn_q.weight"), /blk\.2\.attn_q\.weight is missing, not Q4_0/);
});

Deno.test("distance() is relative, and knows results of another length", () => {
  assert.equal(distance(Float32Array.of(3, 4), Float32Array.of(3, 4)), 0);
  assert.equal(distance(Float32Array.of(3, 4), Float32Array.of(3, 9)), 1);
  assert.throws(() => distance(new Float32Array(2), new Float32Array(3)), /3 results where there should be 2/);
});

Deno.test("compare() leaves out an engine that fails, and says so", async () => {
  const engine = (name: string, encode: () => Promise<Float32Array>) => ({ name, encode }) as never;
  const works = engine("a", () => Promise.resolve(Float32Array.of(1)));
  const fails = engine("b", () => Promise.reject(new Error("no such shader")));
  const leftOut: unknown[] = [];
  const measured = await compare(worksOf([])[0]!, [works, fails], 1, (_, error) => leftOut.push(error));
  assert.deepEqual(measured.map(({ engine }) => engine), ["a"]);
  assert.equal(String(leftOut), "Error: no such shader");
});

const module = `${FOLDER}node_modules/onnxruntime-web/dist/ort.webgpu.min.mjs`;
// shaders of another engine take a software adapter half a minute, so that this has to be asked for
const able = Deno.env.get("LORIS_GPU") === "required" && await exists(module);
// deno-lint-ignore no-console -- a skip must say why
if (!able) console.log("skipped: onnxruntime-web on WebGPU (LORIS_GPU=required, and `bench:gpu:peers` to install it)");

Deno.test({
  name: "the peer's graphs compute what the product computes",
  ignore: !able,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const complaints: string[] = [];
    const { device } = await openDevice((words) => complaints.push(words));
    const folder = await Deno.makeTempDir();
    const loris = await openLoris(device, await generateModel(folder, SHAPE, "Q4_0"), 64);
    await Deno.remove(folder, { recursive: true });
    const peer = await openOnnxruntime(await loadRuntime(`file://${module}`), device, SHAPE, "q4", 64);
    const near = async (run: (engine: typeof loris) => Promise<Float32Array>) => {
      const error = distance(await run(loris), await run(peer));
      // both compute in f32; the product's cache has 16 bits
      assert.ok(error < 1e-6, `${error}`);
    };
    await near((engine) => engine.encode(1));
    await near((engine) => engine.prefill(20, 2));
    await near((engine) => engine.decode(3, true));
    await near((engine) => engine.decode(3, false));
    await loris.close();
    await peer.close();
    assert.deepEqual(complaints, []);
  },
});
