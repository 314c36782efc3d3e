// A packed f16 matrix: groups of 8 columns, [width][8].

// What a lane reads at once: 4 inputs of 4 columns, the lower or the upper half of a group.
struct Piece { a: vec2u, b: vec2u, c: vec2u, d: vec2u }

// what sums are multiplied by in the end
const UNIT = 1.0;
// words of an element
const ELEMENT = 2u;

@group(0) @binding(2) var<storage, read> packed: array<vec2u>;

// elements of a group
fn group_size() -> u32 {
  return p.width * 2u;
}

// inputs 4 * step ... of half a group that starts at the element `start`
fn piece(start: u32, step: u32, half: u32) -> Piece {
  let at = start + step * 8u + half;
  return Piece(one(at, step, 0u), one(at, step, 1u), one(at, step, 2u), one(at, step, 3u));
}

fn one(at: u32, step: u32, i: u32) -> vec2u {
#if VECTORS
  return packed[at + i * 2u];
#else
  // what lies beyond the width may be no number, which nothing multiplied would make 0
  return select(vec2u(), packed[at + i * 2u], step * 4u + i < p.width);
#endif
}

fn weights(w: Piece) -> mat4x4f {
  return mat4x4f(four(w.a), four(w.b), four(w.c), four(w.d));
}

fn four(pairs: vec2u) -> vec4f {
  return vec4f(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}

fn products(w: Piece, x: vec4f) -> vec4f {
  return weights(w) * x;
}
