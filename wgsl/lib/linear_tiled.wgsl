// Many rows: a workgroup does a square of rows and columns. It goes over the width in blocks of 32 inputs, which it puts
// into its own memory with the weights unpacked; a lane does 4 columns of 8 rows, or of 4 where the square is small. Small
// squares are few: two teams of lanes share the blocks out, and add their sums up in the end.
#if LARGE
const TILE = 64u;
const TEAMS = 1u;
#else
const TILE = 32u;
const TEAMS = 2u;
#endif
const QUADS = TILE / 4u;
const LANE_ROWS = TILE / 8u;
// of a team
const LANES = TILE * 2u;
const TEAM_TILE = 32u * QUADS;

// [team][32 inputs][rows or columns]
var<workgroup> rows_tile: array<vec4f, TEAMS * TEAM_TILE>;
var<workgroup> columns_tile: array<vec4f, TEAMS * TEAM_TILE>;

// 4 inputs of 4 rows
fn rows_piece(row: u32, step: u32) -> mat4x4f {
  return mat4x4f(input(row, step), input(row + 1u, step), input(row + 2u, step), input(row + 3u, step));
}

@compute @workgroup_size(LANES * TEAMS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let team = index / LANES;
  let lane = index % LANES;
  // what a lane fetches of a block: 4 inputs of 4 rows and of 4 columns
  let quad = lane % QUADS;
  let part = lane / QUADS;
  let row = group.y * TILE + quad * 4u;
  choose(group.x, TILE);
  let column = to.number * TILE + quad * 4u;
  let last = (to.columns + 7u) / 8u - 1u;
  let start = to.packed / ELEMENT + min(column >> 3u, last) * group_size();
  let tile = team * TEAM_TILE;
  let put_at = tile + part * 4u * QUADS + quad;
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
  let blocks = (p.width + 31u) / 32u;
  let first_step = min(team, blocks - 1u) * 8u + part;
  var next_rows = rows_piece(row, first_step);
  var next_columns = piece(start, first_step, quad & 1u);
  for (var block = 0u; block < blocks; block += TEAMS) {
    workgroupBarrier();
    var x = transpose(next_rows);
#if !LARGE
    // past the last block, which is in its place
    if (block + team >= blocks) { x = mat4x4f(); }
#endif
    let w = weights(next_columns);
    rows_tile[put_at] = x[0];
    rows_tile[put_at + QUADS] = x[1];
    rows_tile[put_at + 2u * QUADS] = x[2];
    rows_tile[put_at + 3u * QUADS] = x[3];
    columns_tile[put_at] = w[0];
    columns_tile[put_at + QUADS] = w[1];
    columns_tile[put_at + 2u * QUADS] = w[2];
    columns_tile[put_at + 3u * QUADS] = w[3];
    workgroupBarrier();
    // under way while this block is computed; after the last one, that again
    let step = min(block + TEAMS + team, blocks - 1u) * 8u + part;
    next_rows = rows_piece(row, step);
    next_columns = piece(start, step, quad & 1u);
    for (var k = 0u; k < 32u * QUADS; k += QUADS) {
      let w = columns_tile[tile + k + quad];
      let a = rows_tile[tile + k + upper];
      a0 += a.x * w;
      a1 += a.y * w;
      a2 += a.z * w;
      a3 += a.w * w;
#if LARGE
      let b = rows_tile[k + upper + 1u];
      b0 += b.x * w;
      b1 += b.y * w;
      b2 += b.z * w;
      b3 += b.w * w;
#endif
    }
  }
#if !LARGE
  workgroupBarrier();
  if (team == 1u) {
    rows_tile[lane] = a0;
    rows_tile[lane + LANES] = a1;
    rows_tile[lane + 2u * LANES] = a2;
    rows_tile[lane + 3u * LANES] = a3;
  }
  workgroupBarrier();
  if (team == 1u) { return; }
  a0 += rows_tile[lane];
  a1 += rows_tile[lane + LANES];
  a2 += rows_tile[lane + 2u * LANES];
  a3 += rows_tile[lane + 3u * LANES];
#endif
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
