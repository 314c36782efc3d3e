// Products of the same few rows, after their norm. A workgroup does 8 columns.

// packed: as in lib/linear.wgsl; stride: of dst's rows
struct Params {
  x: u32, weight: u32, rows: u32, width: u32, eps: f32,
  packed: u32, dst: u32, columns: u32, stride: u32,
  packed_b: u32, dst_b: u32, columns_b: u32, stride_b: u32,
  packed_c: u32, dst_c: u32, columns_c: u32, stride_c: u32,
}

#import normed
#import targets

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  choose(group.x, 8u);
  let first = group.y * ROWS;
  sum_up(to.packed / ELEMENT + to.number * group_size(), first, 0u, lane, near);
  let row = lane >> 1u;
  let half = lane & 1u;
  if (row < ROWS && first + row < p.rows) {
    put(to.dst + (first + row) * to.stride, to.number * 8u + half * 4u, to.columns, normed(0u, row, half));
  }
}
