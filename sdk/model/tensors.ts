import { LorisError } from "../errors.ts";
import type { GgufFile, GgufTensor } from "../gguf/gguf.ts";
import { type LazyPlan, sharesKeys } from "../lazy/plan.ts";
import type { LanguageConfig, VisionConfig } from "./config.ts";

/** A tensor that a network reads, found in its file and checked against the shape that the network needs. */
export interface NeededTensor {
  readonly tensor: GgufTensor;
  /** A matrix is packed for products, a vector becomes plain f32. */
  readonly kind: "matrix" | "vector";
  /** Inputs a row: the contiguous dimension. */
  readonly width: number;
  /** Results of a matrix; 1 for a vector. */
  readonly columns: number;
}

/** The tensors of one decoder layer; the names are GGUF's. */
export interface LanguageLayer<M, V> {
  readonly attnNorm: V;
  /** These two are left out where a lazy plan has the layer take both from its anchor: they are never read. */
  readonly attnQ?: M;
  readonly attnK?: M;
  readonly attnV: M;
  readonly attnOutput: M;
  readonly ffnNorm: V;
  readonly ffnGate: M;
  readonly ffnUp: M;
  readonly ffnDown: M;
}

/** The decoder's tensors, as references into a file or as places in memory. */
export interface LanguageTensors<M, V> {
  readonly tokenEmbd: M;
  readonly layers: readonly LanguageLayer<M, V>[];
  readonly outputNorm: V;
  /** The output layer; the embedding itself where the two are tied. */
  readonly output: M;
}

/** The tensors of one encoder layer. */
export interface VisionLayer<M, V> {
  readonly ln1Weight: V;
  readonly ln1Bias: V;
  readonly attnQ: M;
  readonly attnQBias: V;
  readonly attnK: M;
  readonly attnKBias: V;
  readonly attnV: M;
  readonly attnVBias: V;
  readonly attnOut: M;
  readonly attnOutBias: V;
  readonly ln2Weight: V;
  readonly ln2Bias: V;
  readonly ffnUp: M;
  readonly ffnUpBias: V;
  readonly ffnDown: M;
  readonly ffnDownBias: V;
}

/** The encoder's and the connector's tensors. */
export interface VisionTensors<M, V> {
  readonly patchEmbd: M;
  readonly patchEmbdBias: V;
  readonly positionEmbd: V;
  readonly layers: readonly VisionLayer<M, V>[];
  readonly postLnWeight: V;
  readonly postLnBias: V;
  /** The connector's linear layer, no bias. */
  readonly fc: M;
}

class Finder {
  readonly #file: GgufFile;
  constructor(file: GgufFile) {
    this.#file = file;
  }

  has(name: string): boolean {
    return this.#file.tensors.has(name);
  }

  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
  }

  matrix(name: string, columns: number, width: number): NeededTensor {
    const tensor = this.#tensor(name);
    // a convolution's weight is a matrix whose inputs are the patch's pixels
    const inner = tensor.shape.slice(0, -1).reduce((a, b) => a * b, 1);
    if (tensor.shape.at(-1) !== columns || inner !== width) this.#wrongShape(tensor, `[${width}, ${columns}]`);
    return { tensor, kind: "matrix", width, columns };
  }

  vector(name: string, elements: number): NeededTensor {
    const tensor = this.#tensor(name);
    if (tensor.elements !== elements) this.#wrongShape(tensor, `${elements} elements`);
    return { tensor, kind: "vector", width: elements, columns: 1 };
  }

  #tensor(name: string): GgufTensor {
    const tensor = this.#file.tensors.get(name);
    if (!tensor) throw new LorisError("file_invalid", `${this.#file.name}: the tensor ${name} is missing`);
    return tensor;
  }

  #wrongShape(tensor: GgufTensor, wanted: string): never {
    throw new LorisError(
      "file_invalid",
      `${this.#file.name}: ${tensor.name} has the shape [${tensor.shape.join(", ")}], the metadata asks for ${wanted}`,
    );
  }
}

/**
 * What the decoder reads under a lazy plan.
 *
 * @throws {LorisError} `file_invalid` naming the first tensor that is missing or of another shape.
 */
export function languageTensors(
  file: GgufFile,
  c: LanguageConfig,
  lazy: LazyPlan,
): LanguageTensors<NeededTensor, NeededTensor> {
  const find = new Finder(file);
  const queries = c.heads * c.headWidth;
  const keys = c.kvHeads * c.headWidth;
  const tokenEmbd = find.matrix("token_embd.weight", c.vocabulary, c.width);
  return {
    tokenEmbd,
    layers: Array.from({ length: c.layers }, (_, l) => {
      const name = (part: string) => `blk.${l}.${part}.weight`;
      return {
        attnNorm: find.vector(name("attn_norm"), c.width),
        ...(sharesKeys(lazy, l) ? {} : {
          attnQ: find.matrix(name("attn_q"), queries, c.width),
          attnK: find.matrix(name("attn_k"), keys, c.width),
        }),
        attnV: find.matrix(name("attn_v"), keys, c.width),
        attnOutput: find.matrix(name("attn_output"), c.width, queries),
        ffnNorm: find.vector(name("ffn_norm"), c.width),
        ffnGate: find.matrix(name("ffn_gate"), c.hidden, c.width),
        ffnUp: find.matrix(name("ffn_up"), c.hidden, c.width),
        ffnDown: find.matrix(name("ffn_down"), c.width, c.hidden),
      };
    }),
    outputNorm: find.vector("output_norm.weight", c.width),
    output: find.has("output.weight") ? find.matrix("output.weight", c.vocabulary, c.width) : tokenEmbd,
  };
}

/** @throws {LorisError} `file_invalid` naming the first tensor that is missing or of another shape. */
export function visionTensors(file: GgufFile, c: VisionConfig): VisionTensors<NeededTensor, NeededTensor> {
  const find = new Finder(file);
  return {
    patchEmbd: find.matrix("v.patch_embd.weight", c.width, 3 * c.patch * c.patch),
    patchEmbdBias: find.vector("v.patch_embd.bias", c.width),
    positionEmbd: find.vector("v.position_embd.weight", c.grid * c.grid * c.width),
    layers: Array.from({ length: c.layers }, (_, l) => {
      const matrix = (part: string, columns = c.width, width = c.width) =>
        find.matrix(`v.blk.${l}.${part}.weight`, columns, width);
      const vector = (part: string, elements = c.width) => find.vector(`v.blk.${l}.${part}`, elements);
      // some converters swap the two names: the matrix that widens is the one that goes up
      const swapped = c.hidden !== c.width && find.shape(`v.blk.${l}.ffn_up.weight`).at(-1) === c.width;
      const [up, down] = swapped ? ["ffn_down", "ffn_up"] : ["ffn_up", "ffn_down"];
      return {
        ln1Weight: vector("ln1.weight"),
        ln1Bias: vector("ln1.bias"),
        attnQ: matrix("attn_q"),
        attnQBias: vector("attn_q.bias"),
        attnK: matrix("attn_k"),
        attnKBias: vector("attn_k.bias"),
        attnV: matrix("attn_v"),
        attnVBias: vector("attn_v.bias"),
        attnOut: matrix("attn_out"),
        attnOutBias: vector("attn_out.bias"),
        ln2Weight: vector("ln2.weight"),
        ln2Bias: vector("ln2.bias"),
        ffnUp: matrix(up!, c.hidden, c.width),
        ffnUpBias: vector(`${up}.bias`, c.hidden),
        ffnDown: matrix(down!, c.width, c.hidden),
        ffnDownBias: vector(`${down}.bias`),
      };
    }),
    postLnWeight: find.vector("v.post_ln.weight", c.width),
    postLnBias: find.vector("v.post_ln.bias", c.width),
    fc: find.matrix("mm.model.fc.weight", c.projection, c.width * c.shuffle * c.shuffle),
  };
}

/** The layers without the tensors that a lazy plan makes unreachable. */
export function reachableLayers<M, V>(
  layers: readonly LanguageLayer<M, V>[],
  lazy: LazyPlan,
): readonly LanguageLayer<M, V>[] {
  return layers.map(({ attnQ, attnK, ...rest }, l) =>
    attnQ && attnK && !sharesKeys(lazy, l) ? { ...rest, attnQ, attnK } : rest
  );
}

/** The same structure with every tensor replaced by what `matrix` and `vector` make of it. */
export function mapLanguage<M, V>(
  t: LanguageTensors<NeededTensor, NeededTensor>,
  matrix: (t: NeededTensor) => M,
  vector: (t: NeededTensor) => V,
): LanguageTensors<M, V> {
  const tokenEmbd = matrix(t.tokenEmbd);
  return {
    tokenEmbd,
    layers: t.layers.map((l) => mapEach(l, matrix, vector)) as unknown as LanguageLayer<M, V>[],
    outputNorm: vector(t.outputNorm),
    output: t.output === t.tokenEmbd ? tokenEmbd : matrix(t.output),
  };
}

/** As {@link mapLanguage}, for the encoder and the connector. */
export function mapVision<M, V>(
  t: VisionTensors<NeededTensor, NeededTensor>,
  matrix: (t: NeededTensor) => M,
  vector: (t: NeededTensor) => V,
): VisionTensors<M, V> {
  return {
    patchEmbd: matrix(t.patchEmbd),
    patchEmbdBias: vector(t.patchEmbdBias),
    positionEmbd: vector(t.positionEmbd),
    layers: t.layers.map((l) => mapEach(l, matrix, vector)) as unknown as VisionLayer<M, V>[],
    postLnWeight: vector(t.postLnWeight),
    postLnBias: vector(t.postLnBias),
    fc: matrix(t.fc),
  };
}

function mapEach<M, V>(
  layer: object,
  matrix: (t: NeededTensor) => M,
  vector: (t: NeededTensor) => V,
): Record<string, M | V> {
  return Object.fromEntries(
    Object.entries(layer as Record<string, NeededTensor>).map((
      [k, t],
    ) => [k, t.kind === "matrix" ? matrix(t) : vector(t)]),
  );
}
