// What products of a few rows have in common that are normalized on the way (rms_norm): the sum over the inputs of
// x * weight * matrix is multiplied by 1 / sqrt(mean(x^2) + eps) in the end, which each workgroup makes itself. So no row
// waits for its norm.
#import input_f32
#import few_sums
#import packed_any

@group(0) @binding(0) var<uniform> p: Params;

#if VECTORS
// width is whole blocks, columns are whole fours, and so are the rows' places
@group(0) @binding(1) var<storage, read_write> work: array<vec4u>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read_write> work: array<u32>;
@group(0) @binding(3) var<storage, read> norm: array<f32>;
#endif

// the norm's weights of inputs 4 * step ...
fn norm_weights(step: u32) -> vec4f {
#if VECTORS
  return norm[(p.weight >> 2u) + step];
#else
  let at = vec4u(p.weight) + min(vec4u(step * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(p.width - 1u));
  return vec4f(norm[at.x], norm[at.y], norm[at.z], norm[at.w]);
#endif
}

// a row's products for half of a team's group
fn normed(team: u32, row: u32, half: u32) -> vec4f {
  let squares = sums_at(team, ROWS, half)[row];
  return sums_at(team, row, half) * (UNIT / sqrt(squares / f32(p.width) + p.eps));
}

// puts 4 columns of a row to their place, of those that there are
fn put(dst: u32, column: u32, columns: u32, values: vec4f) {
  if (column >= columns) { return; }
#if VECTORS
  work[(dst + column) >> 2u] = bitcast<vec4u>(values);
#else
  for (var i = 0u; i < min(4u, columns - column); i++) { work[dst + column + i] = bitcast<u32>(values[i]); }
#endif
}
