import { LorisError } from "../errors.ts";

/** A number's type in GGUF metadata. */
export type NumberType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "uint64"
  | "int64"
  | "float64";

/** A metadata value with the type it gets in the file; arrays are of one element type. */
export type TypedValue =
  | { readonly type: NumberType; readonly value: number | bigint }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: `${NumberType}[]`; readonly value: readonly (number | bigint)[] }
  | { readonly type: "bool[]"; readonly value: readonly boolean[] }
  | { readonly type: "string[]"; readonly value: readonly string[] };

type Setter = (view: DataView, value: number | bigint) => void;

/** GGUF's numbers: id of the type, bytes, bits of the range if integer. Source: ggml's `docs/gguf.md`. */
const NUMBERS: Record<NumberType, readonly [number, number, "unsigned" | "signed" | "float", Setter]> = {
  uint8: [0, 1, "unsigned", (d, v) => d.setUint8(0, Number(v))],
  int8: [1, 1, "signed", (d, v) => d.setInt8(0, Number(v))],
  uint16: [2, 2, "unsigned", (d, v) => d.setUint16(0, Number(v), true)],
  int16: [3, 2, "signed", (d, v) => d.setInt16(0, Number(v), true)],
  uint32: [4, 4, "unsigned", (d, v) => d.setUint32(0, Number(v), true)],
  int32: [5, 4, "signed", (d, v) => d.setInt32(0, Number(v), true)],
  float32: [6, 4, "float", (d, v) => d.setFloat32(0, Number(v), true)],
  uint64: [10, 8, "unsigned", (d, v) => d.setBigUint64(0, BigInt(v), true)],
  int64: [11, 8, "signed", (d, v) => d.setBigInt64(0, BigInt(v), true)],
  float64: [12, 8, "float", (d, v) => d.setFloat64(0, Number(v), true)],
};
const [BOOL, STRING, ARRAY] = [7, 8, 9];

const UTF8 = new TextEncoder();

/**
 * One metadata pair as it stands in a file: key, type, value.
 *
 * @throws {LorisError} `argument_invalid` (param: the key) for a key that GGUF does not allow, or a value that is not of
 * its type or beyond the type's range.
 */
export function encodePair(key: string, typed: TypedValue): Uint8Array {
  if (!/^[\x21-\x7e]{1,65535}$/.test(key)) {
    throw new LorisError(
      "argument_invalid",
      `"${key.slice(0, 80)}" is no metadata key: wanted are 1 to 65535 visible ASCII characters`,
      { param: key.slice(0, 80) },
    );
  }
  const of = typed.type.replace("[]", "");
  const id = of === "bool" ? BOOL : of === "string" ? STRING : NUMBERS[of as NumberType]?.[0];
  if (id === undefined) wrong(key, `has the type "${typed.type}", which GGUF's metadata does not know`);
  if (of === typed.type) return concat([encodeString(key), uint32(id), encodeElement(key, of, typed.value)]);
  if (!Array.isArray(typed.value)) wrong(key, `is no array, its type is ${typed.type}`);
  const elements = typed.value as readonly unknown[];
  return concat([
    ...[encodeString(key), uint32(ARRAY), uint32(id), uint64(elements.length)],
    ...elements.map((value) => encodeElement(key, of, value)),
  ]);
}

/** A 64-bit count, as files hold it. */
export function uint64(value: number): Uint8Array {
  return encodeElement("", "uint64", value);
}

/** A tensor's entry as it stands in a file's list: name, dimensions, type, offset from the start of the data. */
export function encodeTensor(name: string, shape: readonly number[], type: number, offset: number): Uint8Array {
  return concat([
    ...[encodeString(name), uint32(shape.length), ...shape.map(uint64)],
    ...[uint32(type), uint64(offset)],
  ]);
}

function uint32(value: number): Uint8Array {
  return encodeElement("", "uint32", value);
}

function encodeString(text: string): Uint8Array {
  const bytes = UTF8.encode(text);
  return concat([uint64(bytes.length), bytes]);
}

function encodeElement(key: string, type: string, value: unknown): Uint8Array {
  if (type === "string") {
    return typeof value === "string" ? encodeString(value) : wrong(key, `must be text, it is ${String(value)}`);
  }
  if (type === "bool") {
    if (typeof value !== "boolean") wrong(key, `must be true or false, it is ${String(value)}`);
    return Uint8Array.of(value ? 1 : 0);
  }
  const [, bytes, kind, set] = NUMBERS[type as NumberType];
  if (typeof value !== "number" && typeof value !== "bigint") wrong(key, `must be a number, it is ${String(value)}`);
  if (kind !== "float") {
    const bits = BigInt(bytes * 8);
    const [min, end] = kind === "signed" ? [-(1n << (bits - 1n)), 1n << (bits - 1n)] : [0n, 1n << bits];
    // a number beyond 2^53 may have lost bits already; who has more gives a bigint
    const whole = typeof value === "bigint" || Number.isSafeInteger(value);
    if (!whole || BigInt(value) < min || BigInt(value) >= end) {
      wrong(key, `must be a whole number from ${min} to ${end - 1n} (${type}), it is ${value}`);
    }
  }
  const encoded = new Uint8Array(bytes);
  set(new DataView(encoded.buffer), value);
  return encoded;
}

function wrong(key: string, message: string): never {
  throw new LorisError("argument_invalid", `the metadata key ${key} ${message}`, { param: key });
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
