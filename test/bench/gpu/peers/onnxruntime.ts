/** onnxruntime-web on WebGPU, which is what transformers.js computes with: the same networks out of the same numbers. */
import { type ModelShape, modelTensors } from "../../generate_model.ts";
import { decoderGraph } from "./decoder_graph.ts";
import { encoderGraph } from "./encoder_graph.ts";
import { anyRows, type Engine, SEEDS, tilePixels } from "./job.ts";
import type { Kind } from "./linears.ts";

interface Tensor {
  getData(): Promise<Float32Array>;
  dispose(): void;
}

interface Session {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** The little of onnxruntime-web that is called. */
export interface Runtime {
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
  readonly Tensor: new (type: string, data: ArrayBufferView, dims: readonly number[]) => Tensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
}

/** Loads onnxruntime-web's module for WebGPU. @param module URL of `ort.webgpu.min.mjs`, with its `.wasm` beside it. */
export async function loadRuntime(module: string): Promise<Runtime> {
  const { Worker } = globalThis;
  const runtime: Runtime = await import(module);
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = "error";
  // its loader takes Deno for Node and puts Node's workers in the place of the web's
  globalThis.Worker = Worker;
  return runtime;
}

/** @param positions That the decoder has room for. */
export async function openOnnxruntime(
  runtime: Runtime,
  device: GPUDevice,
  shape: ModelShape,
  kind: Kind,
  positions: number,
): Promise<Engine> {
  const { text: t, vision: v } = shape;
  const tensors = modelTensors(shape, "Q4_0");
  const open = (model: Uint8Array, names: readonly string[]) =>
    runtime.InferenceSession.create(model, {
      executionProviders: [{ name: "webgpu", device }],
      graphOptimizationLevel: "all",
      preferredOutputLocation: Object.fromEntries(names.map((name) => [name, "gpu-buffer"])),
    });
  const layers = Array.from({ length: t.layers }, (_, layer) => layer);
  const stores = layers.flatMap((layer) => [`key_${layer}`, `value_${layer}`]);
  const present = stores.map((store) => `present_${store}`);
  const encoder = await open(encoderGraph(shape, tensors, kind), ["tokens"]);
  const decoder = await open(decoderGraph(shape, tensors, kind, positions), ["last", ...present]);
  const tensor = (type: string, data: ArrayBufferView, ...dims: number[]) => new runtime.Tensor(type, data, dims);
  const patches = patchesOf(tilePixels(v.side), v.side, v.patch);
  const [type, Elements] = kind === "q4" ? ["float32", Float32Array] : ["float16", Float16Array];
  const empty = () => stores.map(() => tensor(type!, new Elements(0), 1, t.kvHeads, 0, t.width / t.heads));

  const copyOf = async (result: Tensor) => {
    const data = (await result.getData()).slice();
    result.dispose();
    return data;
  };
  /** Rows behind a cache; the new cache is another one. */
  const forward = async (rows: Float32Array, past: readonly Tensor[], length: number) => {
    const count = rows.length / t.width;
    const total = length + count;
    const { last, ...caches } = await decoder.run({
      ...Object.fromEntries(stores.map((store, i) => [`past_${store}`, past[i]!])),
      x: tensor("float32", rows, 1, count, t.width),
      seqlens_k: tensor("int32", Int32Array.of(total - 1), 1, 1),
      total: tensor("int32", Int32Array.of(total), 1),
    });
    return { last: last!, caches: present.map((name) => caches[name]!) };
  };
  let kept: { readonly caches: readonly Tensor[]; readonly length: number } = { caches: [], length: 0 };
  const dispose = (tensors: readonly Tensor[]) => tensors.forEach((some) => some.dispose());

  return {
    name: `onnxruntime-web ${kind}`,
    async encode(times) {
      let tokens: Tensor | undefined;
      for (let i = 0; i < times; i++) {
        tokens?.dispose();
        const input = tensor("float32", patches, 1, (v.side / v.patch) ** 2, 3 * v.patch ** 2);
        tokens = (await encoder.run({ patches: input })).tokens;
      }
      return await copyOf(tokens!);
    },
    async prefill(rows, times) {
      const prompt = anyRows(rows, t.width, SEEDS.prompt);
      let result: Tensor | undefined;
      for (let i = 0; i < times; i++) {
        const { last, caches } = await forward(prompt, empty(), 0);
        dispose([...kept.caches, ...result ? [result] : []]);
        kept = { caches, length: rows };
        result = last;
      }
      return await copyOf(result!);
    },
    async decode(count, wait) {
      const rows = anyRows(count, t.width, SEEDS.decoded);
      let { caches, length } = kept;
      let row = new Float32Array(0);
      for (let i = 0; i < count; i++, length++) {
        const next = await forward(rows.slice(i * t.width, (i + 1) * t.width), caches, length);
        if (i > 0) dispose(caches);
        caches = next.caches;
        if (wait || i === count - 1) row = await copyOf(next.last);
        else next.last.dispose();
      }
      dispose(caches);
      return row;
    },
    async close() {
      dispose(kept.caches);
      await encoder.release();
      await decoder.release();
    },
  };
}

/** Pixels from -1 to 1, a row for each patch, channel by channel. */
function patchesOf(rgb: Uint8Array, side: number, patch: number): Float32Array {
  const grid = side / patch;
  const area = patch * patch;
  return Float32Array.from({ length: rgb.length }, (_, i) => {
    const [row, rest] = [Math.floor(i / (3 * area)), i % (3 * area)];
    const [channel, at] = [Math.floor(rest / area), rest % area];
    const y = Math.floor(row / grid) * patch + Math.floor(at / patch);
    const x = row % grid * patch + at % patch;
    return rgb[(y * side + x) * 3 + channel]! / 127.5 - 1;
  });
}
