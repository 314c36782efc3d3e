// A workgroup a row.
#import grid
#import lanes
#import work_rows

struct Params { dst: u32, x: u32, weight: u32, rows: u32, width: u32, eps: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> weights: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
#if SUBGROUPS
  @builtin(subgroup_size) near: u32,
#endif
) {
  let row = linear_group(group, groups);
  if (row >= p.rows) { return; }
  let x = p.x + row * p.width;
  var squares = 0.0;
  for (var i = lane; i < p.width; i += 256u) { squares += value(x + i) * value(x + i); }
  let scale = 1.0 / sqrt(sum_over_lanes(squares, lane, near) / f32(p.width) + p.eps);
  for (var first = 0u; first < record_blocks(p.width) * 8u; first += 256u) {
    let step = first + lane;
    let at = places(p.weight, step);
    put(row, step, four(x, step) * scale * vec4f(weights[at.x], weights[at.y], weights[at.z], weights[at.w]), lane);
  }
}
