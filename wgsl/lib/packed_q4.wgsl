// A packed q4 matrix: groups of 8 columns; a block of 32 inputs has 8 scales, f16, then bytes [4 steps][8 columns][4] with
// the first 16 inputs in their low halves, the others in the high ones, 8 too large.
#import halves
#import nibbles

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { words: vec4u, header: vec4u, half: u32, shift: u32 }

// what sums are multiplied by in the end: scales are stored times 2^8
const UNIT = 1.0 / 256.0;
// words of an element
const ELEMENT = 4u;
// elements of a block
const BLOCK = 9u;

@group(0) @binding(2) var<storage, read> packed: array<vec4u>;

// elements of a group
fn group_size() -> u32 {
  return (p.width + 31u) / 32u * BLOCK;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let block = start + (step >> 3u) * BLOCK;
  return Piece(packed[block + 1u + (step & 3u) * 2u + half], packed[block], half, step & 4u);
}

fn scales(w: Piece) -> vec4f {
  return halves(w.header, w.half);
}

const MINIMUM = false;

fn minimums(w: Piece) -> vec4f {
  return vec4f();
}

#if RECORDS_I8
// for each column 4 bytes; less 8: the sign of 4 bits is spread over the byte
fn integers(w: Piece) -> vec4u {
  let bits = nibbles(w.words, w.shift) ^ vec4u(0x08080808u);
  return bits | ((bits & vec4u(0x08080808u)) * 30u);
}
#else
// whole numbers, which scales make weights
fn levels(w: Piece) -> mat4x4f {
  return nibble_values(w.words, w.shift, 8.0);
}

fn level_minimums(w: Piece) -> vec4f {
  return minimums(w);
}

fn weights(w: Piece) -> mat4x4f {
  let by = scales(w);
  let v = levels(w);
  return mat4x4f(v[0] * by, v[1] * by, v[2] * by, v[3] * by);
}

fn products(w: Piece, x: vec4f) -> vec4f {
  return (levels(w) * x) * scales(w);
}
#endif
