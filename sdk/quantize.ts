/**
 * A GGUF file with 4- or 8-bit weights, made of one with larger ones: it loads into the same bytes as its original does where
 * that is converted while it is loaded.
 *
 * @example
 * ```ts
 * import { quantize } from "loris/quantize";
 * import { fileSource } from "loris/sources/file";
 *
 * const source = fileSource("text.gguf");
 * const { chunks, fileBytes } = await quantize(source, { type: "q4" });
 * await Deno.writeFile("text-q4.gguf", ReadableStream.from(chunks()));
 * console.log(fileBytes);
 * await source.close();
 * ```
 *
 * @module
 */
import { WeightFormat } from "./backend/backend.ts";
import { type BlockFormat, ggmlTypeOf, ggufBlocks } from "./backend/packed_blocks.ts";
import { WasmBackend } from "./backend/wasm/backend.ts";
import { LorisError } from "./errors.ts";
import { fileTypeMetadata } from "./gguf/file_type.ts";
import { type GgmlTypeName, type GgufFile, type GgufTensor, openGguf } from "./gguf/gguf.ts";
import { retypeTensors, tensorBytes } from "./gguf/retype.ts";
import { GGML_TYPES, type GgmlType } from "./gguf/types.ts";
import { densePlan } from "./lazy/plan.ts";
import { packagedKernels } from "./load.ts";
import { MemoryPlan } from "./memory/plan.ts";
import { languageConfig, visionConfig } from "./model/config.ts";
import { languageTensors, mapLanguage, mapVision, type NeededTensor, visionTensors } from "./model/tensors.ts";
import { formatFor, loadScratchBytes, loadWeights } from "./model/weights.ts";
import type { Source } from "./sources/source.ts";

/** Bits of the matrices: as `weights` of `load` has them. */
export type QuantizeType = "q4" | "q8";
/** All types, in the order in which messages name them. */
export const QUANTIZE_TYPES: readonly QuantizeType[] = ["q4", "q8"];

/** What to make of a file. */
export interface QuantizeOptions {
  /**
   * "q4": Q4_0, but Q8_0 for the token embedding and the output layer; "q8": Q8_0. What has so few bits already stays as it is.
   */
  readonly type: QuantizeType;
  /** Any SIMD build of the kernels; the package's own if left out. */
  readonly kernels?: WebAssembly.Module | undefined;
  /** Ends the work; what is thrown is its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What became of a tensor. */
export interface QuantizedTensor {
  /** Such as "blk.0.attn_q.weight". */
  readonly name: string;
  /** Type in the file that it is made of. */
  readonly from: GgmlTypeName;
  /** Type in the new file. */
  readonly to: GgmlTypeName;
  /** In the new file. */
  readonly bytes: number;
  /**
   * "kept": byte for byte. "rounded": from floating-point numbers. "rounded again": from numbers that a quantization had
   * rounded already, so that more is lost than from the model's own.
   */
  readonly how: "kept" | "rounded" | "rounded again";
}

/** A file that can be written. */
export interface Quantized {
  /** In the order of the file. */
  readonly tensors: readonly QuantizedTensor[];
  /** Of the new file. */
  readonly fileBytes: number;
  /** Of what it is made of. */
  readonly sourceBytes: number;
  /**
   * The file, from front to back; each call reads the sources again. Held are one tensor in its new type and a piece of it in its
   * old one. Bytes of an iteration that ends by an error are no file: it throws `file_invalid` for a weight that is no finite
   * number, `source_failed`, or the signal's reason.
   */
  chunks(): AsyncGenerator<Uint8Array, void>;
}

const FLOATS: readonly GgmlTypeName[] = ["F32", "F16", "BF16"];

/**
 * Quantizes the matrices of a text or projector GGUF. Norms, biases, position embeddings and convolutions stay as they are, and
 * so does a matrix whose rows do not fill blocks of 32; metadata are kept.
 *
 * @param source A file, or all files of a split set in order, which become one.
 * @throws {LorisError} `argument_invalid` for a type that is none; `file_invalid`, `file_unsupported` and `pair_mismatch` for a
 * file that `load` would refuse; `source_failed`; or the signal's reason.
 */
export async function quantize(source: Source | readonly Source[], options: QuantizeOptions): Promise<Quantized> {
  const { type, signal } = options;
  if (!QUANTIZE_TYPES.includes(type)) {
    const message = `type is ${JSON.stringify(type)}, it must be one of ${QUANTIZE_TYPES.join(", ")}`;
    throw new LorisError("argument_invalid", message, { param: "type" });
  }
  const file = await openGguf(source, signal);
  const targets = chooseTargets(file, type);
  const types = new Map([...targets].map(([tensor, { format }]) => [tensor, typeOf(format)]));
  const first = Array.isArray(source) ? source[0] as Source : source as Source;
  const changes = targets.size > 0 ? fileTypeMetadata(file, types) : new Map();
  const written = await retypeTensors(first, file, changes, types, signal);
  return {
    tensors: [...file.tensors.values()].map((tensor) => describe(tensor, types.get(tensor))),
    fileBytes: written.fileBytes,
    sourceBytes: file.fileBytes,
    chunks() {
      // iterations may take turns: each converts in memory of its own
      const converter = new Converter([...targets.values()], options.kernels, signal);
      return written.chunks((tensor) => converter.blocks(targets.get(tensor)!), signal);
    },
  };
}

/** A matrix and what it becomes. */
interface Target {
  readonly needed: NeededTensor;
  readonly format: BlockFormat;
}

/** The matrices that `load` would make smaller, and that can be so in a file. */
function chooseTargets(file: GgufFile, type: QuantizeType): Map<GgufTensor, Target> {
  const { matrices, sensitive } = matricesOf(file);
  const targets = new Map<GgufTensor, Target>();
  for (const needed of matrices) {
    const isSensitive = sensitive.includes(needed);
    const format = formatFor(needed, type, isSensitive);
    // what is held so anyhow gives the same bytes, and is no larger as it is
    if (format === formatFor(needed, "file", isSensitive)) continue;
    if (format !== WeightFormat.q8 && format !== WeightFormat.q4) continue;
    const { shape } = needed.tensor;
    if (shape.length === 2 && shape[0]! % typeOf(format).blockElements === 0) {
      targets.set(needed.tensor, { needed, format });
    }
  }
  return targets;
}

/** All matrices that a network reads of its file; `sensitive`: what everything passes through. */
function matricesOf(file: GgufFile): { matrices: NeededTensor[]; sensitive: NeededTensor[] } {
  const matrices: NeededTensor[] = [];
  const matrix = (needed: NeededTensor) => void matrices.push(needed);
  const vector = () => {};
  if (file.metadata.optionalString("general.architecture") === "clip") {
    const tensors = visionTensors(file, visionConfig(file));
    mapVision(tensors, matrix, vector);
    return { matrices, sensitive: [tensors.patchEmbd] };
  }
  const config = languageConfig(file);
  const tensors = languageTensors(file, config, densePlan(config.layers));
  mapLanguage(tensors, matrix, vector);
  return { matrices, sensitive: [tensors.tokenEmbd, tensors.output] };
}

function typeOf(format: BlockFormat): GgmlType {
  return GGML_TYPES.get(ggmlTypeOf(format))!;
}

function describe(tensor: GgufTensor, type: GgmlType | undefined): QuantizedTensor {
  const { name, type: from } = tensor;
  const how = !type ? "kept" : FLOATS.includes(from) ? "rounded" : "rounded again";
  return { name, from, to: type?.name ?? from, bytes: tensorBytes(tensor, type), how };
}

/** Converts tensors as a load does, one after another in the same memory. */
class Converter {
  readonly #targets: readonly Target[];
  readonly #kernels: WebAssembly.Module | undefined;
  readonly #signal: AbortSignal | undefined;
  #opened: Promise<{ backend: WasmBackend; matrix: number; scratch: number }> | undefined;

  constructor(targets: readonly Target[], kernels?: WebAssembly.Module, signal?: AbortSignal) {
    this.#targets = targets;
    this.#kernels = kernels;
    this.#signal = signal;
  }

  async *blocks({ needed, format }: Target): AsyncGenerator<Uint8Array, void> {
    const { backend, matrix, scratch } = await (this.#opened ??= this.#open());
    await loadWeights(backend, [{ needed, format, address: matrix }], scratch, undefined, this.#signal);
    const { columns, width } = needed;
    for (let first = 0; first < columns; first += ROWS_TOGETHER) {
      const rows = Math.min(ROWS_TOGETHER, columns - first);
      const address = matrix + backend.matrixBytes(first, width, format);
      yield ggufBlocks(backend.bytes(address, backend.matrixBytes(rows, width, format)), rows, width, format);
    }
  }

  async #open() {
    const backend = await WasmBackend.create(this.#kernels ?? await packagedKernels("simd128"), "simd128", 2 ** 32);
    const plan = new MemoryPlan(backend.base);
    const bytes = ({ needed: { columns, width }, format }: Target) => backend.matrixBytes(columns, width, format);
    const matrix = plan.reserve("matrix", Math.max(...this.#targets.map(bytes)));
    const placed = this.#targets.map((target) => ({ ...target, address: matrix }));
    const scratch = plan.reserve("scratch", loadScratchBytes(backend, placed));
    backend.reserve(plan.end);
    return { backend, matrix, scratch };
  }
}

/** A multiple of the rows in a group. */
const ROWS_TOGETHER = 256;
