/** Block types read as ggml's structures say, apart from the product's kernels. */

const f16 = (bytes: Uint8Array, at: number) => new Float16Array(bytes.slice(at, at + 2).buffer)[0]!;

/** `block_q4_0`: a half, then 16 bytes; low halves are the first 16 values. */
function q4(bytes: Uint8Array, at: number): number[] {
  const d = f16(bytes, at);
  return Array.from({ length: 32 }, (_, k) => d * ((bytes[at + 2 + k % 16]! >> (k < 16 ? 0 : 4) & 15) - 8));
}

/** `block_q8_0`: a half, then 32 signed bytes. */
function q8(bytes: Uint8Array, at: number): number[] {
  const d = f16(bytes, at);
  return Array.from({ length: 32 }, (_, k) => d * (bytes[at + 2 + k]! << 24 >> 24));
}

/** All values of a tensor's bytes. */
export function readBlocks(type: "Q4_0" | "Q8_0" | "F16" | "F32", bytes: Uint8Array): Float64Array {
  if (type === "F16") return Float64Array.from(new Float16Array(bytes.slice().buffer));
  if (type === "F32") return Float64Array.from(new Float32Array(bytes.slice().buffer));
  const [blockBytes, read] = type === "Q4_0" ? [18, q4] : [34, q8];
  const values = new Float64Array(bytes.length / blockBytes * 32);
  for (let at = 0, b = 0; at < bytes.length; at += blockBytes, b++) values.set(read(bytes, at), b * 32);
  return values;
}
