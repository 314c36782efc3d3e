/**
 * The operations that the networks are written in. Addresses and sizes are numbers, so that a call costs nothing: an
 * address is a byte offset in the backend's memory, a size counts elements. Results go where the caller says; nothing
 * is allocated. Matrices are row-major, rows are tokens or patches. The kernels' sources (`rust-kernels/kernels/src`, a file an
 * operation) state each operation's formula and shapes.
 */
export interface Backend {
  /** What computes, for people and `--json`: "wasm-relaxed", "wasm-simd128", "wasm-plain", "webgpu". */
  readonly name: string;
  /** First address that is free for the caller. */
  readonly base: number;
  /**
   * Makes addresses up to `end` usable, once, before any work; refuses with `memory_budget`.
   *
   * @param regions What lies where, in the order of addresses: nothing that an operation reads or writes goes beyond its region.
   */
  reserve(end: number, regions: readonly Region[]): void;
  /** Bytes that it holds of the CPU's and the GPU's memory. */
  readonly memoryBytes: number;
  /** Gives back what no garbage collector would. Nothing may be called after. */
  destroy(): void;

  /** True where `quantize` loses nothing, so that `roundingError` would give zeros. */
  readonly keepsActivations: boolean;
  /**
   * Rows that best go through a network together: enough for operations to work at full speed, few enough for the buffers
   * to stay small.
   */
  readonly rowsTogether: number;
  /** Bytes of one row of `quantize`'s result. */
  activationRowBytes(width: number): number;
  /** f32 elements in which `attention` leaves its probabilities of `rows` over at most `positions`. */
  attentionProbabilities(rows: number, heads: number, kvHeads: number, positions: number): number;
  /** f32 elements of scratch for `attention` over so many positions. */
  attentionScratch(positions: number, headWidth: number): number;
  /** Bytes of a packed matrix of `columns` results from `width` inputs. */
  matrixBytes(columns: number, width: number, format: WeightFormat): number;

  /** dst: `rows` activation records; x: f32 [rows, width]. */
  quantize(dst: number, x: number, rows: number, width: number): void;
  /** dst = x less what `quantize` makes of it, f32 [width]: as a second row, it makes a product exact to 16 bits. */
  roundingError(dst: number, x: number, width: number): void;
  /**
   * dst[r, c] = sum over k of input[r, k] * matrix[c, k] + bias[c], then the epilogue. `x` is read by float formats,
   * `quantized` (records of `quantize` of the same x) by the others. `bias`: address of f32 [columns], or 0 for none.
   */
  linear(
    dst: number,
    x: number,
    quantized: number,
    matrix: Matrix,
    bias: number,
    rows: number,
    epilogue: Epilogue,
  ): void;
  /**
   * `rmsNorm` of x, and for each product, without bias: dst = normalized matrix^T, f32 [rows, columns]. The matrices have one
   * width. `between`: where the normalized rows may be left, in the forms that the matrices read.
   */
  rmsNormLinear(
    products: readonly Product[],
    x: number,
    weight: number,
    between: Input,
    rows: number,
    eps: number,
  ): void;
  /**
   * `rmsNorm` of x, then silu(normalized gate^T) * (normalized up^T), f32 [rows, gate.columns], in the form that `down` reads:
   * f32 at `dst.floats` or records at `dst.quantized`. `between`: where what is made on the way may be left.
   */
  gatedLinear(
    dst: Input,
    matrices: GatedMatrices,
    x: number,
    weight: number,
    between: GatedPlaces,
    rows: number,
    eps: number,
  ): void;
  /** dst: f32 [count, width]; ids: u32 [count]. */
  embed(dst: number, table: Matrix, ids: number, count: number): void;
  rmsNorm(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void;
  layerNorm(dst: number, x: number, weight: number, bias: number, rows: number, width: number, eps: number): void;
  /** `rmsNorm` and `quantize` in one, the same bits; dst: `rows` activation records. */
  rmsNormQuantize(dst: number, x: number, weight: number, rows: number, width: number, eps: number): void;
  /** `layerNorm` and `quantize` in one, the same bits; dst: `rows` activation records. */
  layerNormQuantize(
    dst: number,
    x: number,
    weight: number,
    bias: number,
    rows: number,
    width: number,
    eps: number,
  ): void;
  /** x: f32 rows of `stride`, heads * headWidth turned in place; turns: f32 [rows, headWidth / 2, 2] of cosine, sine. */
  rope(x: number, turns: number, rows: number, heads: number, headWidth: number, stride: number): void;
  /** Writes rows of keys or values into slots from `slot` on. */
  storeKeys(store: KeyStore, x: number, slot: number, rows: number): void;
  storeValues(cache: KvLayer, x: number, slot: number, rows: number): void;
  /**
   * `rope` of queries and keys, `storeKeys` and `storeValues`. q: f32 [rows, heads * headWidth], turned in place, or 0 for
   * none; k, v: f32 [rows, cache.heads * headWidth], of which k may be turned after this or not; turns: as `rope` has them.
   */
  turnAndStore(
    cache: KvLayer,
    q: number,
    k: number,
    v: number,
    turns: number,
    slot: number,
    rows: number,
    heads: number,
  ): void;
  /**
   * `rmsNormLinear` of x, and `turnAndStore` of its products. After this only queries are where `products` have them.
   */
  projectAndStore(
    cache: KvLayer,
    products: AttentionProducts,
    x: number,
    weight: number,
    between: Input,
    turns: number,
    slot: number,
    rows: number,
    eps: number,
  ): void;
  /**
   * dst, q: f32 [rows, heads * headWidth]. Causal: row r sees slots 0 ... past + r; else every row sees `past` slots.
   * scratch: f32 [attentionScratch(slots, headWidth)]. `probabilities`: 0, or the address of f32
   * [attentionProbabilities(...)], where they stay; with `reuse` those of an earlier call of the same rows, heads and slots
   * are taken from there, and neither queries nor keys are read. `textSlots`: address of u32 [texts], ascending: the slots
   * whose keys are in `cache.textKeys`; some may be above what a row sees.
   */
  attention(
    dst: number,
    q: number,
    cache: KvLayer,
    scratch: number,
    rows: number,
    heads: number,
    past: number,
    causal: boolean,
    probabilities?: number,
    reuse?: boolean,
    textSlots?: number,
    texts?: number,
  ): void;
  /**
   * dst[h, t] += sum over rows of the weight that head h of the row gives to slot t, read from what `attention` of the same
   * rows, heads, past and causal left at `probabilities`. dst: f32 [heads, slots], slots = past + rows if causal, else
   * past. Of one row, onto zeros, it is the row's attention itself.
   */
  attentionReceived(
    dst: number,
    probabilities: number,
    rows: number,
    heads: number,
    kvHeads: number,
    past: number,
    causal: boolean,
  ): void;
  /** dst = silu(gate) * up, all f32 [elements]. */
  swiglu(dst: number, gate: number, up: number, elements: number): void;
  /** `swiglu` and `quantize` in one, the same bits; dst: `rows` activation records; gate, up: f32 [rows, width]. */
  swigluQuantize(dst: number, gate: number, up: number, rows: number, width: number): void;
  /**
   * `quantize` of x after the function that `Epilogue.gelu` applies, the same bits; dst: `rows` activation records; x: f32
   * [rows, width].
   */
  geluQuantize(dst: number, x: number, rows: number, width: number): void;
  /** dst += x, f32 [elements]. */
  add(dst: number, x: number, elements: number): void;
  /** dst: f32 [(size / patch)^2, 3 * patch^2] from u8 [size, size, 3]; mean, deviation: f32 [3]. */
  patches(dst: number, rgb: number, size: number, patch: number, mean: number, deviation: number): void;
  /** dst: f32 [(grid / scale)^2, scale^2 * width] from f32 [grid^2, width]. */
  pixelShuffle(dst: number, x: number, grid: number, width: number, scale: number): void;
  /**
   * Index of the largest of f32 [elements], or -1 if any is NaN or infinite.
   *
   * @param to 0, or where the index is left as a u32 as well, for operations called before it can be waited for; nothing to
   * rely on if it is -1.
   */
  argmax(x: number, elements: number, to?: number): Promise<number>;
  /** f32 elements of scratch for `sample` among so many logits. */
  sampleScratch(elements: number): number;
  /**
   * Index that a draw chooses of `logits`, f32 [elements], which stay as they are; or -1 if any is NaN or infinite.
   * scratch: f32 [sampleScratch(elements)]; recent: u32 [recents], indices that the repetition penalty is for. `to`: see
   * `argmax`.
   */
  sample(
    scratch: number,
    logits: number,
    elements: number,
    recent: number,
    recents: number,
    choice: TokenChoice,
    to?: number,
  ): Promise<number>;
  /** Tokens that are best chosen before the first of them is waited for: 1, where a result costs nothing to read. */
  readonly tokensAhead: number;

  /** Copies values in, at an address; whole words of 4 bytes but for u8 pixels. They are read before this returns. */
  write(address: number, values: Uint8Array | Uint32Array | Float32Array): void;
  /** Copies bytes from one address to another that does not overlap it; whole words of 4 bytes. */
  copy(to: number, from: number, bytes: number): void;
  /** Makes bytes 0; whole words of 4 bytes. */
  clear(address: number, bytes: number): void;
  /** A copy of f32 elements, as they are when all operations called before have run. */
  read(address: number, elements: number): Promise<Float32Array<ArrayBuffer>>;
  /** Lets the CPU change f32 elements: in place where the memory is its own, else in a copy that is written back. */
  edit(address: number, elements: number, change: (values: Float32Array<ArrayBuffer>) => void): Promise<void>;

  /**
   * Address of as many bytes to load weights in, where the CPU converts them: `planned`, where the operations' memory is the
   * CPU's own, else somewhere in a memory apart. The three operations after this take such addresses as `src` and `scratch`.
   */
  loadScratch(planned: number, bytes: number): number;
  /** A view of load scratch for writing. */
  bytes(address: number, length: number): Uint8Array;
  /**
   * Converts whole groups of 8 rows of a GGUF tensor (`rowBytes` each, at `src`) into the packed matrix at `dst`.
   * Returns 0, or 1 for a type that cannot be converted, or 2 for a weight that is NaN or infinite.
   */
  pack(
    dst: number,
    src: number,
    rows: number,
    width: number,
    rowBytes: number,
    ggmlType: number,
    format: WeightFormat,
    scratch: number,
  ): number;
  /** f32 elements of scratch that `pack` needs. */
  packScratch(width: number): number;
  /** dst: f32 [elements] from a GGUF tensor's bytes. Returns what `pack` returns. */
  dequantize(dst: number, src: number, elements: number, ggmlType: number): number;
}

/** A stretch of addresses that belongs together, under the name of what it is for. */
export interface Region {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
}

/** Weights as the kernels read them; the numbers are the kernels' own. */
export const WeightFormat = { f32: 0, f16: 1, q8: 2, q4: 3, q4Min: 4 } as const;
export type WeightFormat = (typeof WeightFormat)[keyof typeof WeightFormat];

/** True if the format's kernel reads quantized activations. */
export function readsQuantized(format: WeightFormat): boolean {
  return format >= WeightFormat.q8;
}

/** What a matrix product does with its sum; the numbers are the kernels' own. */
export const Epilogue = { store: 0, add: 1, gelu: 2 } as const;
export type Epilogue = (typeof Epilogue)[keyof typeof Epilogue];

/** A packed weight matrix in the backend's memory. */
export interface Matrix {
  readonly address: number;
  readonly format: WeightFormat;
  /** Results a row. */
  readonly columns: number;
  /** Inputs a row. */
  readonly width: number;
}

/** Where the input of matrix products lies: f32 rows for formats that read floats, records for those that read these. */
export interface Input {
  readonly floats: number;
  readonly quantized: number;
}

/** One of several products of the same rows. */
export interface Product {
  readonly dst: number;
  readonly matrix: Matrix;
}

/** What attention is made of; no queries where nothing asks for them. */
export interface AttentionProducts {
  readonly queries: Product | undefined;
  readonly keys: Product;
  readonly values: Product;
}

/** A feed-forward network's matrices: two of the same shape, and the one that reads what `gatedLinear` makes of them. */
export interface GatedMatrices {
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** Where `gatedLinear` may leave the normalized rows, and f32 [rows, columns] of each product. */
export interface GatedPlaces {
  readonly input: Input;
  readonly gate: number;
  readonly up: number;
}

/** How `sample` chooses; the steps are taken in the order of the fields. */
export interface TokenChoice {
  /** Above 0. Divides positive and multiplies negative logits of the recent indices, once each. */
  readonly repetitionPenalty: number;
  /** Divides the logits; 0: the largest, of equal ones the first. */
  readonly temperature: number;
  /** Keeps the k largest, of equal ones the first; 0 keeps all. */
  readonly topK: number;
  /** Keeps the fewest most probable that reach this probability, above 0 to 1. */
  readonly topP: number;
  /** Keeps those at least this many times as probable as the most probable, 0 to 1. */
  readonly minP: number;
  /** From 0 up to but not including 1: decides among those kept. */
  readonly uniform: number;
}

/** Addresses that a sampler needs beside the logits. */
export interface SamplingBuffers {
  /** f32 [sampleScratch(logits)]. */
  readonly scratch: number;
  /** u32, for as many ids as the repetition penalty may be for. */
  readonly recent: number;
}

/** Elements of a KV store; the numbers are the kernels' own. q8: 8 bits, and an f32 scale for each vector of a head. */
export const KvFormat = { f32: 0, f16: 1, q8: 2 } as const;
export type KvFormat = (typeof KvFormat)[keyof typeof KvFormat];

/** A place for keys. A slot is a row's place in it (0, 1, 2 ...), whatever position the row has for rotary embedding. */
export interface KeyStore {
  readonly keys: number;
  readonly heads: number;
  readonly headWidth: number;
  /** Slots there is room for, a multiple of 8. */
  readonly capacity: number;
  readonly format: KvFormat;
}

/** One layer's keys and values. */
export interface KvLayer extends KeyStore {
  readonly values: number;
  /**
   * Keys of the text slots alone, packed one after another, in the same format and shape; `keys` is then another layer's,
   * and read for the other slots only.
   */
  readonly textKeys?: KeyStore | undefined;
}

/** Bytes of one layer's keys, and as many for its values. */
export function kvLayerBytes(heads: number, headWidth: number, capacity: number, format: KvFormat): number {
  const vectors = heads * capacity;
  switch (format) {
    case KvFormat.f32:
      return vectors * headWidth * 4;
    case KvFormat.f16:
      return vectors * headWidth * 2;
    case KvFormat.q8:
      return vectors * (headWidth + 4);
  }
}
