/** The seeded weights of a GGUF file as ONNX graphs want them: the very same numbers, so that results can be compared. */
import type { TensorToWrite } from "../../gguf_file.ts";
import type { Graph, OnnxType } from "./onnx.ts";

/** What the published files of transformers.js are called by: 4-bit matrices over f32 or over f16, or all in f16. */
export const KINDS = ["q4", "q4f16", "fp16"] as const;
export type Kind = (typeof KINDS)[number];

const BLOCK = 32;
/** Of Q4_0: an f16 scale and 32 nibbles. */
const BLOCK_BYTES = 18;

/** Weights by name, put into a graph as a kind has them. */
export class Linears {
  readonly #graph: Graph;
  readonly #kind: Kind;
  readonly #tensors: ReadonlyMap<string, TensorToWrite>;

  constructor(graph: Graph, kind: Kind, tensors: readonly TensorToWrite[]) {
    this.#graph = graph;
    this.#kind = kind;
    this.#tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }

  /** The type that activations have. */
  get type(): OnnxType {
    return this.#kind === "q4" ? "float32" : "float16";
  }

  /** An f32 tensor in the type of activations, in the order in which ONNX counts dimensions. */
  vector(name: string): string {
    const { shape, data } = this.#get(name, "F32");
    return this.floats([...shape].reverse(), new Float32Array(data().buffer));
  }

  /** Numbers in the type of activations. */
  floats(shape: readonly number[], values: ArrayLike<number>): string {
    const cast = this.type === "float32" ? Float32Array.from(values) : Float16Array.from(values);
    return this.#graph.constant(this.type, shape, cast);
  }

  /** x: [..., inputs] to [..., results], without its bias. @param rows Which row of the file is which result; as they stand if left out. */
  linear(x: string, name: string, rows: (row: number) => number = (row) => row): string {
    const tensor = this.#tensors.get(name);
    if (tensor?.type === "F16") return this.#dense(x, tensor, halves(tensor), rows);
    const packed = this.#get(name, "Q4_0");
    return this.#kind === "fp16" ? this.#dense(x, packed, values(packed), rows) : this.#packed(x, packed, rows);
  }

  #dense(x: string, { shape }: TensorToWrite, from: ArrayLike<number>, rows: (row: number) => number): string {
    const results = shape.at(-1)!;
    const inputs = from.length / results;
    const turned = this.type === "float32" ? new Float32Array(from.length) : new Float16Array(from.length);
    for (let row = 0; row < results; row++) {
      const start = rows(row) * inputs;
      for (let i = 0; i < inputs; i++) turned[i * results + row] = from[start + i]!;
    }
    return this.#graph.op("MatMul", [x, this.#graph.constant(this.type, [inputs, results], turned)]);
  }

  #packed(x: string, { shape, data }: TensorToWrite, rows: (row: number) => number): string {
    const [inputs, results] = shape as [number, number];
    const [bytes, blocks] = [data(), inputs / BLOCK];
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const nibbles = new Uint8Array(results * blocks * 16);
    const scales = new Float32Array(results * blocks);
    for (let row = 0; row < results; row++) {
      for (let block = 0; block < blocks; block++) {
        const from = (rows(row) * blocks + block) * BLOCK_BYTES;
        const to = row * blocks + block;
        scales[to] = view.getFloat16(from, true);
        // a byte of GGUF holds elements 16 apart, one of ONNX neighbours
        for (let i = 0; i < BLOCK; i++) nibbles[to * 16 + (i >> 1)]! |= nibble(bytes, from, i) << 4 * (i & 1);
      }
    }
    const g = this.#graph;
    return g.microsoft("MatMulNBits", [
      ...[x, g.constant("uint8", [results, blocks, 16], nibbles), this.floats([results * blocks], scales)],
    ], { ints: { K: inputs, N: results, bits: 4, block_size: BLOCK } });
  }

  #get(name: string, type: string): TensorToWrite {
    const tensor = this.#tensors.get(name);
    if (tensor?.type !== type) throw new RangeError(`${name} is ${tensor?.type ?? "missing"}, not ${type}`);
    return tensor;
  }
}

function nibble(bytes: Uint8Array, block: number, element: number): number {
  const byte = bytes[block + 2 + element % 16]!;
  return element < 16 ? byte & 15 : byte >> 4;
}

/** What a Q4_0 tensor stands for. */
function values({ data }: TensorToWrite): Float32Array {
  const bytes = data();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const result = new Float32Array(bytes.length / BLOCK_BYTES * BLOCK);
  for (let at = 0; at < result.length; at++) {
    const block = Math.floor(at / BLOCK) * BLOCK_BYTES;
    result[at] = (nibble(bytes, block, at % BLOCK) - 8) * view.getFloat16(block, true);
  }
  return result;
}

function halves({ data }: TensorToWrite): Float16Array {
  const bytes = data();
  return new Float16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}
