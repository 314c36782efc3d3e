import { WeightFormat } from "./backend.ts";

/** Rows whose blocks lie between each other in a packed matrix (`rust-kernels/kernels/src/pack.rs`). */
export const GROUP = 8;
const BLOCK = 32;

/** GGUF's type of the same blocks, and the 16-bit words of a block's integers. */
const FORMATS = {
  [WeightFormat.q8]: { ggmlType: 8, words: 16 },
  [WeightFormat.q4]: { ggmlType: 2, words: 8 },
} as const;

/** Formats whose blocks are those of a GGUF type: Q8_0 and Q4_0. */
export type BlockFormat = keyof typeof FORMATS;

/** Number of the GGUF type. */
export function ggmlTypeOf(format: BlockFormat): number {
  return FORMATS[format].ggmlType;
}

/**
 * Blocks of GGUF of packed rows, exact: `pack` makes the very same packed rows of them.
 *
 * @param packed Whole groups of 8 rows.
 * @param width Values of a row: a multiple of 32.
 * @returns `rows` rows of blocks.
 */
export function ggufBlocks(packed: Uint8Array, rows: number, width: number, format: BlockFormat): Uint8Array {
  const { words } = FORMATS[format];
  const [blocks, blockWords] = [width / BLOCK, 1 + words];
  const from = new Uint16Array(packed.buffer, packed.byteOffset, packed.length / 2);
  const to = new Uint16Array(rows * blocks * blockWords);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const [group, lane] = [Math.floor(row / GROUP), row % GROUP];
    for (let b = 0; b < blocks; b++) {
      const block = (group * blocks + b) * GROUP * blockWords;
      to[at++] = fileScale(from[block + lane]!);
      // the integers take turns by four bytes
      for (let w = 0; w < words; w++) to[at++] = from[block + GROUP + (w >> 1) * GROUP * 2 + lane * 2 + (w & 1)]!;
    }
  }
  return new Uint8Array(to.buffer);
}

/** A block's binary16 scale, from its 2^8-fold that packed blocks hold: exact, since that was made of such a number. */
function fileScale(stored: number): number {
  const [exponent, fraction] = [stored >> 10 & 31, stored & 0x3ff];
  if (exponent > 8) return stored - (8 << 10);
  const smallest = exponent === 0 ? fraction : (0x400 | fraction) << (exponent - 1);
  return stored & 0x8000 | smallest >> 8;
}
