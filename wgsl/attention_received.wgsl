// dst[h][t] += sum over rows of the weight that the row's head h gives to slot t. dst: f32 [heads][slots]; weights: f32
// [rows][heads][stride], as `attention_merge` leaves them, 0 where a row does not see a slot. A lane a head and slot.
#import grid

struct Params { dst: u32, probabilities: u32, rows: u32, heads: u32, slots: u32, stride: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_group(group, groups) * 256u + lane;
  if (i >= p.heads * p.slots) { return; }
  let weights = p.probabilities + i / p.slots * p.stride + i % p.slots;
  var sum = 0.0;
  for (var row = 0u; row < p.rows; row++) { sum += work[weights + row * p.heads * p.stride]; }
  work[p.dst + i] += sum;
}
