// Many rows, in tiles of 16-bit floats; otherwise as the large squares of lib/linear_tiled.wgsl. Of a block of 32 inputs a
// row's values are divided by a power of two, after which the largest is from 1 to 2, and weights are the whole numbers that
// their scales multiply: so no sum of a block exceeds a quarter of what 16 bits hold, whatever the rows are. Sums of a block
// are added up in 16 bits, those of all blocks in 32. Values keep 11 bits, and a block's sum is rounded up to 64 times, which
// makes less than 1e-6 of the squares.
enable f16;

const TILE = 64u;
const QUADS = TILE / 4u;
const LANE_ROWS = TILE / 8u;

// [32 inputs][rows or columns]
var<workgroup> rows_tile: array<vec4h, 32u * QUADS>;
var<workgroup> columns_tile: array<vec4h, 32u * QUADS>;
// of 4 inputs of each row: [8][rows]
var<workgroup> largest_of: array<vec4f, 8u * QUADS>;
var<workgroup> row_scales: array<vec4f, QUADS>;
var<workgroup> column_scales: array<vec4f, QUADS>;
// where weights have a minimum, which the sum of a row's values is multiplied by
var<workgroup> sums_of: array<vec4f, 8u * QUADS>;
var<workgroup> row_sums: array<vec4f, QUADS>;
var<workgroup> column_minimums: array<vec4f, QUADS>;

// 4 inputs of 4 rows
fn rows_piece(row: u32, step: u32) -> mat4x4f {
  return mat4x4f(input(row, step), input(row + 1u, step), input(row + 2u, step), input(row + 3u, step));
}

// what a block adds to 4 columns of a row
fn scaled(sums: vec4h, quad: u32, scale: f32, sum: f32) -> vec4f {
  let value = vec4f(sums) * column_scales[quad] * scale;
  if (MINIMUM) { return value + column_minimums[quad] * sum; }
  return value;
}

@compute @workgroup_size(TILE * 2u)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // what a lane fetches of a block: 4 inputs of 4 rows and of 4 columns
  let quad = lane % QUADS;
  let part = lane / QUADS;
  let row = group.y * TILE + quad * 4u;
  choose(group.x, TILE);
  let column = to.number * TILE + quad * 4u;
  let last = (to.columns + 7u) / 8u - 1u;
  let start = to.packed / ELEMENT + min(column >> 3u, last) * group_size();
  let put_at = part * 4u * QUADS + quad;
  // what it computes
  let upper = part * LANE_ROWS / 4u;
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
  let blocks = (p.width + 31u) / 32u;
  var next_rows = rows_piece(row, part);
  var next_columns = piece(start, part, quad & 1u);
  for (var block = 0u; block < blocks; block++) {
    let x = transpose(next_rows);
    largest_of[lane] = max(max(abs(x[0]), abs(x[1])), max(abs(x[2]), abs(x[3])));
    if (MINIMUM) { sums_of[lane] = (x[0] + x[1]) + (x[2] + x[3]); }
    workgroupBarrier();
    var largest = largest_of[quad];
    for (var i = 1u; i < 8u; i++) { largest = max(largest, largest_of[i * QUADS + quad]); }
    // the biased exponent, within what its inverse has as well
    let exponent = clamp(bitcast<vec4u>(largest) >> vec4u(23u), vec4u(1u), vec4u(253u));
    let by = bitcast<vec4f>((vec4u(254u) - exponent) << vec4u(23u));
    let w = levels(next_columns);
    rows_tile[put_at] = vec4h(x[0] * by);
    rows_tile[put_at + QUADS] = vec4h(x[1] * by);
    rows_tile[put_at + 2u * QUADS] = vec4h(x[2] * by);
    rows_tile[put_at + 3u * QUADS] = vec4h(x[3] * by);
    columns_tile[put_at] = vec4h(w[0]);
    columns_tile[put_at + QUADS] = vec4h(w[1]);
    columns_tile[put_at + 2u * QUADS] = vec4h(w[2]);
    columns_tile[put_at + 3u * QUADS] = vec4h(w[3]);
    if (part == 0u) {
      row_scales[quad] = bitcast<vec4f>(exponent << vec4u(23u));
      column_scales[quad] = scales(next_columns);
      if (MINIMUM) {
        var sum = sums_of[quad];
        for (var i = 1u; i < 8u; i++) { sum += sums_of[i * QUADS + quad]; }
        row_sums[quad] = sum;
        column_minimums[quad] = level_minimums(next_columns);
      }
    }
    workgroupBarrier();
    // under way while this block is computed; after the last one, that again
    let step = min(block + 1u, blocks - 1u) * 8u + part;
    next_rows = rows_piece(row, step);
    next_columns = piece(start, step, quad & 1u);
    var h0 = vec4h();
    var h1 = vec4h();
    var h2 = vec4h();
    var h3 = vec4h();
    var i0 = vec4h();
    var i1 = vec4h();
    var i2 = vec4h();
    var i3 = vec4h();
    for (var k = 0u; k < 32u * QUADS; k += QUADS) {
      let w = columns_tile[k + quad];
      let a = rows_tile[k + upper];
      h0 += a.x * w;
      h1 += a.y * w;
      h2 += a.z * w;
      h3 += a.w * w;
      let b = rows_tile[k + upper + 1u];
      i0 += b.x * w;
      i1 += b.y * w;
      i2 += b.z * w;
      i3 += b.w * w;
    }
    let a = row_scales[upper];
    let a_sums = row_sums[upper];
    a0 += scaled(h0, quad, a.x, a_sums.x);
    a1 += scaled(h1, quad, a.y, a_sums.y);
    a2 += scaled(h2, quad, a.z, a_sums.z);
    a3 += scaled(h3, quad, a.w, a_sums.w);
    let b = row_scales[upper + 1u];
    let b_sums = row_sums[upper + 1u];
    b0 += scaled(i0, quad, b.x, b_sums.x);
    b1 += scaled(i1, quad, b.y, b_sums.y);
    b2 += scaled(i2, quad, b.z, b_sums.z);
    b3 += scaled(i3, quad, b.w, b_sums.w);
  }
  let first = group.y * TILE + part * LANE_ROWS;
  finish(first, column, a0);
  finish(first + 1u, column, a1);
  finish(first + 2u, column, a2);
  finish(first + 3u, column, a3);
  finish(first + 4u, column, b0);
  finish(first + 5u, column, b1);
  finish(first + 6u, column, b2);
  finish(first + 7u, column, b3);
}
