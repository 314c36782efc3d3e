// dst += x, the residual and position additions.
#import grid

struct Params { dst: u32, x: u32, elements: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<f32>;
// where x is not in the work buffer
@group(0) @binding(2) var<storage, read> far: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = linear_group(group, groups) * 256u + lane;
  if (i >= p.elements) { return; }
#if FAR_X
  work[p.dst + i] += far[p.x + i];
#else
  work[p.dst + i] += work[p.x + i];
#endif
}
