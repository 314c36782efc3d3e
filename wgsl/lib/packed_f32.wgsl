// A packed f32 matrix: groups of 8 columns, [width][8].

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { values: mat4x4f }

// what sums are multiplied by in the end
const UNIT = 1.0;
// words of an element
const ELEMENT = 4u;

@group(0) @binding(2) var<storage, read> packed: array<vec4f>;

// elements of a group
fn group_size() -> u32 {
  return p.width * 2u;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let at = start + step * 8u + half;
#if VECTORS
  return Piece(mat4x4f(packed[at], packed[at + 2u], packed[at + 4u], packed[at + 6u]));
#else
  return Piece(mat4x4f(one(at, step, 0u), one(at, step, 1u), one(at, step, 2u), one(at, step, 3u)));
#endif
}

// what lies beyond the width may be no number, which nothing multiplied would make 0
fn one(at: u32, step: u32, i: u32) -> vec4f {
  return select(vec4f(), packed[at + i * 2u], step * 4u + i < p.width);
}

fn weights(w: Piece) -> mat4x4f {
  return w.values;
}

fn products(w: Piece, x: vec4f) -> vec4f {
  return w.values * x;
}
