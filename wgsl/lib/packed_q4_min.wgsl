// A packed q4 matrix with minimums: groups of 8 columns; a block of 32 inputs has 8 scales and 8 minimums, f16, then bytes
// [4 steps][8 columns][4] with the first 16 inputs in their low halves, the others in the high ones.
#import halves
#import nibbles

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { words: vec4u, header: vec4u, lows: vec4u, half: u32, shift: u32 }

// what sums are multiplied by in the end: scales and minimums are stored times 2^8
const UNIT = 1.0 / 256.0;
// words of an element
const ELEMENT = 4u;
// elements of a block
const BLOCK = 10u;

@group(0) @binding(2) var<storage, read> packed: array<vec4u>;

// elements of a group
fn group_size() -> u32 {
  return (p.width + 31u) / 32u * BLOCK;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let block = start + (step >> 3u) * BLOCK;
  return Piece(packed[block + 2u + (step & 3u) * 2u + half], packed[block], packed[block + 1u], half, step & 4u);
}

fn scales(w: Piece) -> vec4f {
  return halves(w.header, w.half);
}

fn minimums(w: Piece) -> vec4f {
  return halves(w.lows, w.half);
}

const MINIMUM = true;

#if RECORDS_I8
// for each column 4 bytes
fn integers(w: Piece) -> vec4u {
  return nibbles(w.words, w.shift);
}
#else
// whole numbers, which scales and minimums make weights; around 0, so that as little as can be cancels out
fn levels(w: Piece) -> mat4x4f {
  return nibble_values(w.words, w.shift, 8.0);
}

fn level_minimums(w: Piece) -> vec4f {
  return minimums(w) + scales(w) * 8.0;
}

fn weights(w: Piece) -> mat4x4f {
  let by = scales(w);
  let low = minimums(w);
  let v = nibble_values(w.words, w.shift, 0.0);
  return mat4x4f(v[0] * by + low, v[1] * by + low, v[2] * by + low, v[3] * by + low);
}

fn products(w: Piece, x: vec4f) -> vec4f {
  return (nibble_values(w.words, w.shift, 0.0) * x) * scales(w) + minimums(w) * (x.x + x.y + x.z + x.w);
}
#endif
