// silu(x gate^T) * (x up^T) of few rows, after their norm: a workgroup does 8 columns, a team of lanes for each matrix.
#import sigmoid

// dst: f32 [rows][columns]
struct Params {
  dst: u32, x: u32, weight: u32, rows: u32, width: u32, eps: f32, gate: u32, up: u32, columns: u32, stride: u32,
}

#import normed

@compute @workgroup_size(TEAMS * LANES)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  let team = lane / LANES;
  let first = group.y * ROWS;
  let start = select(p.gate, p.up, team == 1u) / ELEMENT + group.x * group_size();
  sum_up(start, first, team, lane % LANES, near);
  let row = lane >> 1u;
  let half = lane & 1u;
  if (row < ROWS && first + row < p.rows) {
    let gate = normed(0u, row, half);
    let silu = gate * vec4f(sigmoid(gate.x), sigmoid(gate.y), sigmoid(gate.z), sigmoid(gate.w));
    put(p.dst + (first + row) * p.stride, group.x * 8u + half * 4u, p.columns, silu * normed(1u, row, half));
  }
}
