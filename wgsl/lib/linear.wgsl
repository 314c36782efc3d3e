// dst[r, c] = sum over k of x[r, k] * matrix[c, k] + bias[c], then the epilogue: what all formats have in common.
#import gelu
#import targets

// packed: the matrix's group of 8 columns that column 0 is in, in words; bias: NONE for none; stride: of dst's rows.
// Only a matrix that is alone has a bias.
struct Params {
  x: u32, bias: u32, rows: u32, width: u32, epilogue: u32,
  packed: u32, dst: u32, columns: u32, stride: u32,
  packed_b: u32, dst_b: u32, columns_b: u32, stride_b: u32,
  packed_c: u32, dst_c: u32, columns_c: u32, stride_c: u32,
}

const NONE = 0xffffffffu;
const ADD = 1u;
const GELU = 2u;

@group(0) @binding(0) var<uniform> p: Params;
#if VECTORS
// width is whole blocks, columns are whole fours, and so are the rows' places
@group(0) @binding(1) var<storage, read_write> work: array<vec4u>;
#else
@group(0) @binding(1) var<storage, read_write> work: array<u32>;
#endif
@group(0) @binding(3) var<storage, read> biases: array<f32>;

// puts the sums of a row for columns `column` ... to their place, where there are such
fn finish(row: u32, column: u32, sums: vec4f) {
  if (row >= p.rows || column >= to.columns) { return; }
  let dst = to.dst + row * to.stride + column;
#if VECTORS
  let before = bitcast<vec4f>(work[dst >> 2u]);
  work[dst >> 2u] = bitcast<vec4u>(vec4f(
    finished(sums.x, column, before.x),
    finished(sums.y, column + 1u, before.y),
    finished(sums.z, column + 2u, before.z),
    finished(sums.w, column + 3u, before.w),
  ));
#else
  for (var i = 0u; i < min(4u, to.columns - column); i++) {
    work[dst + i] = bitcast<u32>(finished(sums[i], column + i, bitcast<f32>(work[dst + i])));
  }
#endif
}

fn finished(sum: f32, column: u32, before: f32) -> f32 {
  var value = sum * UNIT;
  if (p.bias != NONE) { value += biases[p.bias + column]; }
  if (p.epilogue == ADD) { return before + value; }
  if (p.epilogue == GELU) { return gelu(value); }
  return value;
}
