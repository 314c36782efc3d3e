import { LorisError } from "../errors.ts";
import type { HeaderReader } from "./header_reader.ts";

/** A value of GGUF metadata. 64-bit integers become numbers where they are exact, else bigints. */
export type MetadataValue = number | bigint | boolean | string | MetadataArray;
/** An array of one element type. */
export type MetadataArray = number[] | bigint[] | boolean[] | string[] | MetadataArray[] | (number | bigint)[];

/** Bounds for a whole number. */
export interface Range {
  /** The least; 0 if left out. */
  readonly min?: number;
  /** The most; 2^53 - 1 if left out. */
  readonly max?: number;
}

/**
 * The key-value part of a GGUF file, asked by key and type. What is asked for is there and of its type, or `file_invalid` is
 * thrown; an optional value that is not there is undefined.
 */
export class GgufMetadata {
  readonly #file: string;
  readonly #values: ReadonlyMap<string, MetadataValue>;

  /** For `openGguf`. @param file Its name, for messages. */
  constructor(file: string, values: ReadonlyMap<string, MetadataValue>) {
    this.#file = file;
    this.#values = values;
  }

  /** Whether the file has the key. */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** All keys and values, in the file's order. */
  entries(): IterableIterator<[string, MetadataValue]> {
    return this.#values.entries();
  }

  /** A text. */
  string(key: string): string {
    const value = this.#value(key);
    return typeof value === "string" ? value : this.#wrong(key, value, "a string");
  }

  /** A text. */
  optionalString(key: string): string | undefined {
    return this.has(key) ? this.string(key) : undefined;
  }

  /** A whole number from `min` (0) to `max` (2^53 - 1). */
  uint(key: string, { min = 0, max = Number.MAX_SAFE_INTEGER }: Range = {}): number {
    const value = this.#value(key);
    const whole = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    return whole ? value : this.#wrong(key, value, `a whole number from ${min} to ${max}`);
  }

  /** A whole number in a range. */
  optionalUint(key: string, range: Range = {}): number | undefined {
    return this.has(key) ? this.uint(key, range) : undefined;
  }

  /** Any number. */
  float(key: string): number {
    const value = this.#value(key);
    return typeof value === "number" ? value : this.#wrong(key, value, "a number");
  }

  /** Any number. */
  optionalFloat(key: string): number | undefined {
    return this.has(key) ? this.float(key) : undefined;
  }

  /** True or false. */
  optionalBool(key: string): boolean | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#value(key);
    return typeof value === "boolean" ? value : this.#wrong(key, value, "true or false");
  }

  /** An array of texts. */
  strings(key: string): readonly string[] {
    const value = this.#value(key);
    const right = Array.isArray(value) && (value.length === 0 || typeof value[0] === "string");
    return right ? value as string[] : this.#wrong(key, value, "an array of strings");
  }

  /** An array of numbers. */
  numbers(key: string): readonly number[] {
    const value = this.#value(key);
    const right = Array.isArray(value) && value.every((x) => typeof x === "number");
    return right ? value as number[] : this.#wrong(key, value, "an array of numbers");
  }

  /** An array of numbers. */
  optionalNumbers(key: string): readonly number[] | undefined {
    return this.has(key) ? this.numbers(key) : undefined;
  }

  #value(key: string): MetadataValue {
    const value = this.#values.get(key);
    if (value === undefined) throw new LorisError("file_invalid", `${this.#file}: the metadata key ${key} is missing`);
    return value;
  }

  #wrong(key: string, value: MetadataValue, wanted: string): never {
    const got = Array.isArray(value) ? `an array of ${value.length}` : `${typeof value} ${String(value).slice(0, 80)}`;
    throw new LorisError("file_invalid", `${this.#file}: ${key} must be ${wanted}, it is ${got}`);
  }
}

/** GGUF's value types by number: the bytes of one, at least, and how it is read. */
const SCALARS: Record<number, { bytes: number; read: (r: HeaderReader) => number | bigint | boolean }> = {
  0: { bytes: 1, read: (r) => r.u8() },
  1: { bytes: 1, read: (r) => r.i8() },
  2: { bytes: 2, read: (r) => r.u16() },
  3: { bytes: 2, read: (r) => r.i16() },
  4: { bytes: 4, read: (r) => r.u32() },
  5: { bytes: 4, read: (r) => r.i32() },
  6: { bytes: 4, read: (r) => r.f32() },
  7: { bytes: 1, read: (r) => r.u8() !== 0 },
  10: { bytes: 8, read: (r) => exact(r.u64()) },
  11: { bytes: 8, read: (r) => exact(r.i64()) },
  12: { bytes: 8, read: (r) => r.f64() },
};
const STRING = 8;
const ARRAY = 9;
const MAX_DEPTH = 4;

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Reads the value of one key. */
export async function readValue(r: HeaderReader, type: number, key: string, depth = 0): Promise<MetadataValue> {
  if (type === STRING) return await r.string(key);
  if (type === ARRAY) return await readArray(r, key, depth);
  const scalar = SCALARS[type];
  if (!scalar) r.fail(`${key} has the unknown value type ${type}`);
  await r.need(scalar.bytes, key);
  return scalar.read(r);
}

async function readArray(r: HeaderReader, key: string, depth: number): Promise<MetadataArray> {
  if (depth >= MAX_DEPTH) r.fail(`${key} nests arrays more than ${MAX_DEPTH} deep`);
  await r.need(12, key);
  const type = r.u32();
  const count = r.size(`the length of ${key}`);
  const scalar = SCALARS[type];
  if (scalar) {
    await r.need(count * scalar.bytes, key);
    return Array.from({ length: count }, () => scalar.read(r)) as MetadataArray;
  }
  if (type !== STRING && type !== ARRAY) r.fail(`${key} is an array of the unknown value type ${type}`);
  r.checkCount(count, type === STRING ? 8 : 12, key);
  if (type === STRING) return await r.strings(count, key);
  const values: MetadataValue[] = [];
  for (let i = 0; i < count; i++) values.push(await readValue(r, type, key, depth + 1));
  return values as MetadataArray;
}
