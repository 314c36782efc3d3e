/**
 * Gives memory back that else would wait for the garbage collector, which hurries for objects, hardly for what they hold outside
 * of its heap. Whoever still looks at the bytes finds none.
 *
 * @param bytes The only view that is needed of memory of its own.
 */
export function free(bytes: Uint8Array): void {
  const memory = bytes.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer };
  // memory that is gone already has no bytes; Node 20 cannot give any back
  if (memory.byteLength > 0) memory.transfer?.(0);
}
