// A few rows: a workgroup does 8 columns of one or of four rows.
#import few_sums

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  let row = group.y * ROWS;
  choose(group.x, 8u);
  sum_up(to.packed / ELEMENT + to.number * group_size(), row, 0u, lane, near);
  let half = lane & 1u;
  if (lane < 2u * ROWS) { finish(row + (lane >> 1u), to.number * 8u + half * 4u, sums_at(0u, lane >> 1u, half)); }
}
