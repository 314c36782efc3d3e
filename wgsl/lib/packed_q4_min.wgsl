// A packed q4 matrix with minimums: groups of 8 columns; a block of 32 inputs has 8 scales and 8 minimums, f16, then bytes
// [4 steps][8 columns][4] with the first 16 inputs in their low halves, the others in the high ones.
#import halves

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { values: mat4x4f, scales: vec4f, minimums: vec4f }

// what sums are multiplied by in the end: scales and minimums are stored times 2^8
const UNIT = 1.0 / 256.0;
// elements of a block
const BLOCK = 10u;

// words of an element
const ELEMENT = 4u;

@group(0) @binding(2) var<storage, read> packed: array<vec4u>;

// elements of a group
fn group_size() -> u32 {
  return (p.width + 31u) / 32u * BLOCK;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let block = start + (step >> 3u) * BLOCK;
  let words = packed[block + 2u + (step & 3u) * 2u + half] >> vec4u(step & 4u);
  return Piece(
    mat4x4f(nibbles(words), nibbles(words >> vec4u(8u)), nibbles(words >> vec4u(16u)), nibbles(words >> vec4u(24u))),
    halves(packed[block], half),
    halves(packed[block + 1u], half),
  );
}

// The lowest 4 bits of each word: added to the bits of 2^23, of which the same is taken again.
fn nibbles(words: vec4u) -> vec4f {
  return bitcast<vec4f>((words & vec4u(15u)) | vec4u(0x4b000000u)) - 8388608.0;
}

fn weights(w: Piece, i: u32) -> vec4f {
  return w.values[i] * w.scales + w.minimums;
}

fn products(w: Piece, x: vec4f) -> vec4f {
  return (w.values * x) * w.scales + w.minimums * (x.x + x.y + x.z + x.w);
}
