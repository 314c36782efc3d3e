/** Builds ONNX models in memory, so that graphs of any size need no file. Numbers of fields: `onnx.proto`, IR version 9. */
import { Message } from "./protobuf.ts";

/** Types of elements, by their numbers in the format. */
export const ONNX_TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, float16: 10 } as const;
export type OnnxType = keyof typeof ONNX_TYPES;

/** What computes: a number that is whole becomes an integer, unless it stands in `floats`. */
export interface Attributes {
  readonly ints?: Readonly<Record<string, number | readonly number[]>>;
  readonly floats?: Readonly<Record<string, number>>;
}

/** The domain of onnxruntime's own operators. */
const MICROSOFT = "com.microsoft";
const OPSET = 20;
const [FLOAT, INT, INTS] = [1, 2, 7];

/** A graph that grows by operations; values go by names. */
export class Graph {
  readonly #nodes: Message[] = [];
  readonly #initializers: Message[] = [];
  readonly #inputs: Message[] = [];
  readonly #outputs: Message[] = [];
  #names = 0;

  /** Declares an input; dimensions that are words are open. */
  input(name: string, type: OnnxType, shape: readonly (number | string)[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** Gives a value out under a name of its own. */
  output(name: string, value: string, type: OnnxType, shape: readonly (number | string)[]): void {
    this.#node("Identity", "", [value], [name], {});
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** A constant tensor. */
  constant(type: OnnxType, shape: readonly number[], data: ArrayBufferView): string {
    const name = this.#name();
    const tensor = new Message();
    for (const dimension of shape) tensor.int(1, dimension);
    tensor.int(2, ONNX_TYPES[type]).text(8, name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.#initializers.push(tensor);
    return name;
  }

  /** Whole numbers as a constant: shapes, starts, ends. */
  ints(...values: number[]): string {
    return this.constant("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  /** An operator of ONNX with one result. */
  op(type: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.ops(type, "", inputs, [true], attributes)[0]!;
  }

  /** An operator of onnxruntime with one result. */
  microsoft(type: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.ops(type, MICROSOFT, inputs, [true], attributes)[0]!;
  }

  /** An operator of several results; only those marked are named and given back. */
  ops(
    type: string,
    domain: "" | typeof MICROSOFT,
    inputs: readonly string[],
    wanted: readonly boolean[],
    attributes: Attributes = {},
  ): string[] {
    const results = wanted.map((is) => is ? this.#name() : "");
    this.#node(type, domain, inputs, results, attributes);
    return results.filter((name) => name !== "");
  }

  /** The model as a file's bytes. */
  model(): Uint8Array<ArrayBuffer> {
    const graph = new Message();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, "network");
    for (const initializer of this.#initializers) graph.message(5, initializer);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    return new Message().int(1, 9).message(7, graph)
      .message(8, new Message().text(1, "").int(2, OPSET))
      .message(8, new Message().text(1, MICROSOFT).int(2, 1)).encoded();
  }

  #name(): string {
    return `v${this.#names++}`;
  }

  #node(type: string, domain: string, inputs: readonly string[], outputs: readonly string[], a: Attributes): void {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(3, `n${this.#nodes.length}`).text(4, type);
    for (const [name, value] of Object.entries(a.floats ?? {})) {
      node.message(5, new Message().text(1, name).float(2, value).int(20, FLOAT!));
    }
    for (const [name, value] of Object.entries(a.ints ?? {})) {
      const attribute = new Message().text(1, name);
      if (typeof value === "number") attribute.int(3, value).int(20, INT!);
      else {
        for (const item of value) attribute.int(8, item);
        attribute.int(20, INTS!);
      }
      node.message(5, attribute);
    }
    this.#nodes.push(node.text(7, domain));
  }
}

function valueInfo(name: string, type: OnnxType, shape: readonly (number | string)[]): Message {
  const dimensions = new Message();
  for (const dimension of shape) {
    const word = new Message();
    dimensions.message(1, typeof dimension === "number" ? word.int(1, dimension) : word.text(2, dimension));
  }
  const tensor = new Message().int(1, ONNX_TYPES[type]).message(2, dimensions);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
