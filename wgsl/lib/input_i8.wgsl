// Rows that a product reads as records of 8 bits.
#import record

// 4 values and what they are multiplied by
struct Input { bytes: u32, scale: f32 }

// x[row, 4 * step ...]; instead of a row beyond the last one, the last
fn input(row: u32, step: u32) -> Input {
  let start = p.x + min(row, p.rows - 1u) * record_words(p.width);
  return Input(word(start + step), bitcast<f32>(word(start + record_blocks(p.width) * 8u + step / 8u)));
}

fn word(at: u32) -> u32 {
#if VECTORS
  return work[at >> 2u][at & 3u];
#else
  return work[at];
#endif
}

// of 4 inputs of 4 columns
fn products(w: Piece, x: Input) -> vec4f {
  let sums = vec4f(dots(integers(w), x.bytes)) * scales(w);
  if (MINIMUM) { return (sums + minimums(w) * f32(dot4I8Packed(x.bytes, 0x01010101u))) * x.scale; }
  return sums * x.scale;
}

fn dots(columns: vec4u, x: u32) -> vec4i {
  return vec4i(
    dot4I8Packed(columns.x, x),
    dot4I8Packed(columns.y, x),
    dot4I8Packed(columns.z, x),
    dot4I8Packed(columns.w, x),
  );
}

// of each word's own bytes
fn sums_of(words: vec4u) -> vec4i {
  return dots(words, 0x01010101u);
}
