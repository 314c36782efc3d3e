/** Seeded tensors of a wanted spread: random integers under a fixed scale, which no kernel's speed depends on. */
import type { GgmlTypeName } from "../../sdk/gguf/types.ts";
import { tensorBytes, type TensorToWrite } from "./gguf_file.ts";

/** The types that a seeded matrix can have. */
export type SeededType = Extract<GgmlTypeName, "F16" | "Q8_0" | "Q4_0">;

/** xorshift32: 32 random bits a call, never twice the same within 2^32. */
function generator(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) >>> 0) || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    return state ^= state << 5;
  };
}

/** FNV-1a: a tensor's numbers depend on its name and the seed, not on the tensors before it. */
function hash(text: string): number {
  return [...text].reduce((h, c) => Math.imul(h ^ c.codePointAt(0)!, 0x01000193), 0x811c9dc5) >>> 0;
}

/** Standard deviation of whole numbers that are equally likely from `min` to `max`. */
function deviation(min: number, max: number): number {
  return Math.sqrt(((max - min + 1) ** 2 - 1) / 12);
}

const f16 = (value: number): number => new Uint16Array(Float16Array.of(value).buffer)[0]!;

function blocks(bytes: Uint8Array, blockBytes: number, scale: number): void {
  const bits = f16(scale);
  for (let at = 0; at < bytes.length; at += blockBytes) {
    bytes[at] = bits & 255;
    bytes[at + 1] = bits >> 8;
  }
}

/** A matrix whose products keep their input's spread: standard deviation `gain` / sqrt(inputs). */
export function matrix(
  seed: number,
  name: string,
  type: SeededType,
  shape: readonly number[],
  gain = 1,
): TensorToWrite {
  const inputs = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const spread = gain / Math.sqrt(inputs);
  return {
    name,
    type,
    shape,
    data: () => {
      const next = generator(seed ^ hash(name));
      const words = new Int32Array(Math.ceil(tensorBytes(type, shape) / 4)).map(next);
      const bytes = new Uint8Array(words.buffer, 0, tensorBytes(type, shape));
      if (type === "Q8_0") blocks(bytes, 34, spread / deviation(-128, 127));
      else if (type === "Q4_0") blocks(bytes, 18, spread / deviation(-8, 7));
      else return halves(bytes, spread);
      return bytes;
    },
  };
}

/** Random bits as f16 numbers of a spread: whole numbers from -1024 to 1023, scaled. */
function halves(bits: Uint8Array, spread: number): Uint8Array {
  const table = Float16Array.from({ length: 2048 }, (_, i) => (i - 1024) * spread / deviation(-1024, 1023));
  const patterns = new Uint16Array(table.buffer);
  const words = new Uint16Array(bits.buffer, bits.byteOffset, bits.length / 2);
  return new Uint8Array(words.map((w) => patterns[w & 2047]!).buffer);
}

/** An f32 vector of one value. */
export function constant(name: string, shape: readonly number[], value: number): TensorToWrite {
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, type: "F32", shape, data: () => new Uint8Array(new Float32Array(elements).fill(value).buffer) };
}

/** An f32 tensor of random numbers of a spread. */
export function vector(seed: number, name: string, shape: readonly number[], spread: number): TensorToWrite {
  const elements = shape.reduce((a, b) => a * b, 1);
  const next = generator(seed ^ hash(name));
  const scale = spread / deviation(-(2 ** 31), 2 ** 31 - 1);
  return {
    name,
    type: "F32",
    shape,
    data: () => new Uint8Array(Float32Array.from({ length: elements }, () => next() * scale).buffer),
  };
}
