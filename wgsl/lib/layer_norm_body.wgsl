// A workgroup a row. The variance is of distances from the mean: a difference of two large sums would lose it.
#import grid
#import lanes
#import work_rows

struct Params { dst: u32, x: u32, weight: u32, bias: u32, rows: u32, width: u32, eps: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> biases: array<f32>;

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
  var sum = 0.0;
  for (var i = lane; i < p.width; i += 256u) { sum += value(x + i); }
  let mean = sum_over_lanes(sum, lane, near) / f32(p.width);
  var squares = 0.0;
  for (var i = lane; i < p.width; i += 256u) {
    let distance = value(x + i) - mean;
    squares += distance * distance;
  }
  let scale = 1.0 / sqrt(sum_over_lanes(squares, lane, near) / f32(p.width) + p.eps);
  for (var first = 0u; first < record_blocks(p.width) * 8u; first += 256u) {
    let step = first + lane;
    let w = places(p.weight, step);
    let b = places(p.bias, step);
    let values = (four(x, step) - mean) * scale * vec4f(weights[w.x], weights[w.y], weights[w.z], weights[w.w]) +
      vec4f(biases[b.x], biases[b.y], biases[b.z], biases[b.w]);
    put(row, step, select(vec4f(), values, within(step)), lane);
  }
}
