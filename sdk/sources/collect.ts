/** Pieces as one array. @param length Bytes of all of them together. */
export function joined(pieces: Iterable<Uint8Array>, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  for (const piece of pieces) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}

/** As {@link joined}, of pieces that are still to come: each goes to its place at once. */
export async function collected(pieces: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await collectInto(pieces, bytes);
  return bytes;
}

/** Pieces that are still to come, each to its place in the caller's memory. */
export async function collectInto(pieces: AsyncIterable<Uint8Array>, into: Uint8Array): Promise<void> {
  let filled = 0;
  for await (const piece of pieces) {
    into.set(piece, filled);
    filled += piece.length;
  }
}
