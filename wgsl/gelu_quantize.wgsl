// The records of gelu(x): rows of f32 as they are.
#import gelu
#import grid

struct Params { dst: u32, x: u32, elements: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = linear_group(group, groups) * 256u + lane;
  if (i >= p.elements) { return; }
  work[p.dst + i] = gelu(work[p.x + i]);
}
