// The connector's pixel shuffle: a token is a scale x scale neighbourhood of patches, row by row, one after another; a lane
// an element.
#import grid

struct Params { dst: u32, x: u32, grid: u32, width: u32, scale: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> work: array<u32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = linear_group(group, groups) * 256u + lane;
  let tokens = p.grid / p.scale;
  // a token takes as many runs of neighbours as it has rows
  let run = p.scale * p.width;
  let row = i / run;
  let token = row / p.scale;
  if (token >= tokens * tokens) { return; }
  let top = token / tokens * p.scale + row % p.scale;
  let left = token % tokens * p.scale;
  work[p.dst + i] = work[p.x + (top * p.grid + left) * p.width + i % run];
}
