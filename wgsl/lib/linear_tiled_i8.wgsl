// Many rows of 8-bit records: a workgroup does a square of rows and columns. It goes over the width in blocks, which it puts
// into its own memory; a lane does 4 columns of 8 rows, or of 4 where the square is small. Integers of a block are added
// up before they meet the scales.
#if LARGE
const TILE = 64u;
#else
const TILE = 32u;
#endif
const QUADS = TILE / 4u;
const LANE_ROWS = TILE / 8u;

// [8 steps][rows or columns], 4 bytes each
var<workgroup> rows_tile: array<vec4u, 8u * QUADS>;
var<workgroup> columns_tile: array<vec4u, 8u * QUADS>;
var<workgroup> row_scales: array<vec4f, QUADS>;
var<workgroup> column_scales: array<vec4f, QUADS>;
var<workgroup> column_minimums: array<vec4f, QUADS>;

// a step of 4 rows
struct RowsPiece { bytes: vec4u, scales: vec4f }

fn rows_piece(row: u32, step: u32) -> RowsPiece {
  let a = input(row, step);
  let b = input(row + 1u, step);
  let c = input(row + 2u, step);
  let d = input(row + 3u, step);
  return RowsPiece(vec4u(a.bytes, b.bytes, c.bytes, d.bytes), vec4f(a.scale, b.scale, c.scale, d.scale));
}

// what a block adds to 4 columns of a row
fn scaled(sums: vec4i, sum: i32, quad: u32, scale: f32) -> vec4f {
  let value = vec4f(sums) * column_scales[quad];
  if (MINIMUM) { return (value + column_minimums[quad] * f32(sum)) * scale; }
  return value * scale;
}

@compute @workgroup_size(TILE * 2u)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  // what a lane fetches of a block: a step of 4 columns, such that neighbours write side by side ...
  let quad = lane % QUADS;
  let part = lane / QUADS;
  choose(group.x, TILE);
  let column = to.number * TILE + quad * 4u;
  let last = (to.columns + 7u) / 8u - 1u;
  let start = to.packed / ELEMENT + min(column >> 3u, last) * group_size();
  // ... and a step of 4 rows, such that neighbours read side by side
  let row_quad = lane / 8u;
  let row_part = lane % 8u;
  let row = group.y * TILE + row_quad * 4u;
  // what it computes
  let upper = part * LANE_ROWS / 4u;
  var a0 = vec4f();
  var a1 = vec4f();
  var a2 = vec4f();
  var a3 = vec4f();
#if LARGE
  var b0 = vec4f();
  var b1 = vec4f();
  var b2 = vec4f();
  var b3 = vec4f();
#endif
  let blocks = record_blocks(p.width);
  var next_rows = rows_piece(row, row_part);
  var next_columns = piece(start, part, quad & 1u);
  for (var block = 0u; block < blocks; block++) {
    workgroupBarrier();
    rows_tile[row_part * QUADS + row_quad] = next_rows.bytes;
    columns_tile[part * QUADS + quad] = integers(next_columns);
    if (row_part == 0u) { row_scales[row_quad] = next_rows.scales; }
    if (part == 0u) {
      column_scales[quad] = scales(next_columns);
      if (MINIMUM) { column_minimums[quad] = minimums(next_columns); }
    }
    workgroupBarrier();
    // under way while this block is computed; after the last one, that again
    let following = min(block + 1u, blocks - 1u) * 8u;
    next_rows = rows_piece(row, following + row_part);
    next_columns = piece(start, following + part, quad & 1u);
    var i0 = vec4i();
    var i1 = vec4i();
    var i2 = vec4i();
    var i3 = vec4i();
    // of the rows' own integers
    var i = vec4i();
#if LARGE
    var j0 = vec4i();
    var j1 = vec4i();
    var j2 = vec4i();
    var j3 = vec4i();
    var j = vec4i();
#endif
    for (var k = 0u; k < 8u * QUADS; k += QUADS) {
      let w = columns_tile[k + quad];
      let a = rows_tile[k + upper];
      i0 += dots(w, a.x);
      i1 += dots(w, a.y);
      i2 += dots(w, a.z);
      i3 += dots(w, a.w);
      if (MINIMUM) { i += sums_of(a); }
#if LARGE
      let b = rows_tile[k + upper + 1u];
      j0 += dots(w, b.x);
      j1 += dots(w, b.y);
      j2 += dots(w, b.z);
      j3 += dots(w, b.w);
      if (MINIMUM) { j += sums_of(b); }
#endif
    }
    let a = row_scales[upper];
    a0 += scaled(i0, i.x, quad, a.x);
    a1 += scaled(i1, i.y, quad, a.y);
    a2 += scaled(i2, i.z, quad, a.z);
    a3 += scaled(i3, i.w, quad, a.w);
#if LARGE
    let b = row_scales[upper + 1u];
    b0 += scaled(j0, j.x, quad, b.x);
    b1 += scaled(j1, j.y, quad, b.y);
    b2 += scaled(j2, j.z, quad, b.z);
    b3 += scaled(j3, j.w, quad, b.w);
#endif
  }
  let first = group.y * TILE + part * LANE_ROWS;
  finish(first, column, a0);
  finish(first + 1u, column, a1);
  finish(first + 2u, column, a2);
  finish(first + 3u, column, a3);
#if LARGE
  finish(first + 4u, column, b0);
  finish(first + 5u, column, b1);
  finish(first + 6u, column, b2);
  finish(first + 7u, column, b3);
#endif
}
