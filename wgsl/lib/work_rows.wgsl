// Rows of the work buffer that are read and made 4 values at a time: `step` counts these, of whole blocks of 32. What is
// made is a row of f32, or a record of 8 bits. The shader's parameters have dst and width.
#import record
#import rounded

@group(0) @binding(1) var<storage, read_write> work: array<u32>;

fn value(at: u32) -> f32 {
  return bitcast<f32>(work[at]);
}

// for each of 4 values, whether the row has it
fn within(step: u32) -> vec4<bool> {
  return vec4u(step * 4u) + vec4u(0u, 1u, 2u, 3u) < vec4u(p.width);
}

// where 4 values are; those beyond the width are taken to be the last
fn places(row: u32, step: u32) -> vec4u {
  return vec4u(row) + min(vec4u(step * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(p.width - 1u));
}

// of a row that starts at a word, zeros beyond the width
fn four(row: u32, step: u32) -> vec4f {
  let at = places(row, step);
  return select(vec4f(), vec4f(value(at.x), value(at.y), value(at.z), value(at.w)), within(step));
}

fn put_floats(row: u32, step: u32, values: vec4f) {
  for (var i = step * 4u; i < min(step * 4u + 4u, p.width); i++) { work[row + i] = bitcast<u32>(values[i % 4u]); }
}

// Puts 4 values of row `row` of dst. All lanes of a workgroup together: 8 neighbours have a block, zeros beyond the width,
// and lanes past the last block put nothing.
fn put(row: u32, step: u32, values: vec4f, lane: u32) {
#if RECORDS_I8
  let made = rounded(values, lane);
  let blocks = record_blocks(p.width);
  if (step >= blocks * 8u) { return; }
  let record = p.dst + row * record_words(p.width);
  let bytes = bitcast<vec4u>(made.integers) & vec4u(255u);
  work[record + step] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
  if (step % 8u == 0u) { work[record + blocks * 8u + step / 8u] = bitcast<u32>(made.scale); }
#else
  put_floats(p.dst + row * p.width, step, values);
#endif
}
