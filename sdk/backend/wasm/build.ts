/** The builds of the kernels: `relaxed` and `simd128` give the same bits; `plain` is the f32 reference, slow. */
export type KernelBuild = "relaxed" | "simd128" | "plain";

/**
 * (func (drop (i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.const 0) (v128.const 0) (v128.const 0)))): valid only where
 * relaxed SIMD is.
 */
const RELAXED_PROBE = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 20, 1, 18, 0],
  ...[65, 0, 253, 15, 65, 0, 253, 15, 65, 0, 253, 15, 253, 147, 2, 26, 11],
]);

/**
 * The fastest build that this engine runs right. Node before 22 has relaxed SIMD behind a flag and computes wrong
 * values with it, so the probe's word is not enough there.
 */
export function bestBuild(): KernelBuild {
  const node = (globalThis as { process?: { versions?: Record<string, string> } }).process?.versions ?? {};
  const oldNode = node.node !== undefined && node.deno === undefined && node.bun === undefined &&
    Number.parseInt(node.node) < 22;
  return !oldNode && WebAssembly.validate(RELAXED_PROBE) ? "relaxed" : "simd128";
}
