// A packed q8 matrix: groups of 8 columns; a block of 32 inputs has 8 scales, f16, then bytes [8 steps][8 columns][4].
#import halves

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { words: vec4u, header: vec4u, half: u32 }

// what sums are multiplied by in the end: scales are stored times 2^8
const UNIT = 1.0 / 256.0;
// words of an element
const ELEMENT = 4u;
// elements of a block
const BLOCK = 17u;

@group(0) @binding(2) var<storage, read> packed: array<vec4u>;

// elements of a group
fn group_size() -> u32 {
  return (p.width + 31u) / 32u * BLOCK;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let block = start + (step >> 3u) * BLOCK;
  return Piece(packed[block + 1u + (step & 7u) * 2u + half], packed[block], half);
}

fn scales(w: Piece) -> vec4f {
  return halves(w.header, w.half);
}

const MINIMUM = false;

fn minimums(w: Piece) -> vec4f {
  return vec4f();
}

#if RECORDS_I8
// for each column 4 bytes
fn integers(w: Piece) -> vec4u {
  return w.words;
}
#else
// whole numbers, which scales make weights
fn levels(w: Piece) -> mat4x4f {
  let words = w.words;
  return mat4x4f(lowest(words), lowest(words >> vec4u(8u)), lowest(words >> vec4u(16u)), lowest(words >> vec4u(24u)));
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

// The lowest byte of each word as a signed number: added to the bits of 2^23 + 128, of which the same is taken again. That
// is cheaper than a conversion.
fn lowest(words: vec4u) -> vec4f {
  return bitcast<vec4f>((words & vec4u(255u)) ^ vec4u(0x4b000080u)) - 8388736.0;
}
#endif
