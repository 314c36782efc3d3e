/** A writer of GGUF files for tests, right ones and, by its overrides, wrong ones. Source: ggml's `docs/gguf.md`. */

const encoder = new TextEncoder();

/** Little-endian values one after the other. */
export class ByteWriter {
  #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  u8 = (v: number): this => this.#put(1, (d) => d.setUint8(0, v));
  i8 = (v: number): this => this.#put(1, (d) => d.setInt8(0, v));
  u16 = (v: number): this => this.#put(2, (d) => d.setUint16(0, v, true));
  i16 = (v: number): this => this.#put(2, (d) => d.setInt16(0, v, true));
  u32 = (v: number): this => this.#put(4, (d) => d.setUint32(0, v, true));
  i32 = (v: number): this => this.#put(4, (d) => d.setInt32(0, v, true));
  f32 = (v: number): this => this.#put(4, (d) => d.setFloat32(0, v, true));
  f64 = (v: number): this => this.#put(8, (d) => d.setFloat64(0, v, true));
  u64 = (v: number | bigint): this => this.#put(8, (d) => d.setBigUint64(0, BigInt(v), true));
  i64 = (v: number | bigint): this => this.#put(8, (d) => d.setBigInt64(0, BigInt(v), true));

  string(text: string): this {
    const bytes = encoder.encode(text);
    return this.u64(bytes.length).raw(bytes);
  }

  raw(bytes: ArrayLike<number>): this {
    for (let i = 0; i < bytes.length; i++) this.#bytes.push(bytes[i]!);
    return this;
  }

  pad(alignment: number): this {
    while (this.#bytes.length % alignment !== 0) this.#bytes.push(0);
    return this;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  #put(length: number, set: (view: DataView) => void): this {
    const view = new DataView(new ArrayBuffer(length));
    set(view);
    return this.raw(new Uint8Array(view.buffer));
  }
}

/** GGUF's value types by number. */
export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

/** A metadata value: what writes it, type number first. */
export type Value = (w: ByteWriter) => void;

export const uint32 = (v: number): Value => (w) => w.u32(VALUE_TYPES.u32).u32(v);
export const uint16 = (v: number): Value => (w) => w.u32(VALUE_TYPES.u16).u16(v);
export const string = (v: string): Value => (w) => w.u32(VALUE_TYPES.string).string(v);
/** An array; `count` is what the file claims, where that is another number than there are items. */
export const array = (
  type: number,
  items: readonly ((w: ByteWriter) => void)[],
  count: number | bigint = items.length,
): Value =>
(w) => {
  w.u32(VALUE_TYPES.array).u32(type).u64(count);
  for (const item of items) item(w);
};
/** Arrays within arrays, `depth` of them, the innermost empty. */
export const nested = (depth: number): Value => (w) => {
  w.u32(VALUE_TYPES.array);
  for (let i = 1; i < depth; i++) w.u32(VALUE_TYPES.array).u64(1);
  w.u32(VALUE_TYPES.u8).u64(0);
};

export interface TensorSpec {
  readonly name: string;
  /** ggml's type number; F32 if not given. */
  readonly type?: number;
  readonly shape: readonly (number | bigint)[];
  readonly data: Uint8Array;
  /** Claimed instead of the true number of dimensions. */
  readonly dimensions?: number;
  /** Claimed instead of the true offset from the start of the data. */
  readonly offset?: number | bigint;
}

export interface FileSpec {
  readonly version?: number;
  readonly metadata?: readonly (readonly [key: string, value: Value])[];
  readonly tensors?: readonly TensorSpec[];
  /** How the data is aligned; `general.alignment` has to be in `metadata` besides. */
  readonly alignment?: number;
  readonly claimedTensors?: number | bigint;
  readonly claimedPairs?: number | bigint;
}

export function writeGguf(spec: FileSpec): Uint8Array<ArrayBuffer> {
  const { version = 3, metadata = [], tensors = [], alignment = 32 } = spec;
  const w = new ByteWriter().raw(encoder.encode("GGUF")).u32(version);
  w.u64(spec.claimedTensors ?? tensors.length).u64(spec.claimedPairs ?? metadata.length);
  for (const [key, value] of metadata) value(w.string(key));
  const data = new ByteWriter();
  for (const tensor of tensors) {
    w.string(tensor.name).u32(tensor.dimensions ?? tensor.shape.length);
    for (const dimension of tensor.shape) w.u64(dimension);
    w.u32(tensor.type ?? 0).u64(tensor.offset ?? data.length);
    data.raw(tensor.data).pad(alignment);
  }
  return w.pad(alignment).raw(data.bytes()).bytes();
}

/** An f32 tensor of ones. */
export function ones(name: string, elements: number, rest: Partial<TensorSpec> = {}): TensorSpec {
  const data = new ByteWriter();
  for (let i = 0; i < elements; i++) data.f32(1);
  return { name, shape: [elements], data: data.bytes(), ...rest };
}

/** The files of a split set, a tensor list for each; `total` is what the first claims as the number of all tensors. */
export function writeSplit(parts: readonly (readonly TensorSpec[])[], total?: number): Uint8Array<ArrayBuffer>[] {
  const count = total ?? parts.reduce((sum, part) => sum + part.length, 0);
  return parts.map((tensors, i) =>
    writeGguf({
      metadata: [
        ...(i === 0 ? [["general.architecture", string("test")] as const] : []),
        ["split.no", uint16(i)],
        ["split.count", uint16(parts.length)],
        ["split.tensors.count", uint32(count)],
      ],
      tensors,
    })
  );
}
